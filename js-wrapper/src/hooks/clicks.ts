/** Reports what a visitor does: clicks, submitted forms, keys in controls. What it causes is below it. */
import { INTERACTION, type Spans } from '../span.js'
import { listen, quietly } from './patch.js'
import { selectorOf } from './vitals.js'

/** Installs the hook: listeners of its own, so that nobody's `addEventListener` is touched. */
export function hookClicks(spans: Spans, undo: (() => void)[]): void {
  const seen = (what: string, controls?: string) => (event: Event) =>
    quietly(() => {
      // The innermost one, within a shadow tree too.
      const element = event.composedPath()[0] as Element
      // A document is none, and a window has no type.
      if (element.nodeType !== Node.ELEMENT_NODE || (controls && !element.closest(controls))) return
      spans.begin(INTERACTION, `${what} - ${nameOf(element)}`, event.timeStamp, {
        'browser.tag_name': element.localName,
        ...(FULL && { 'browser.css_selector': selectorOf(element) }),
      })
    })
  // In the capture phase, before the page's own listeners send anything.
  listen(undo, 'click', seen('Click'), true)
  listen(undo, 'submit', seen('Submit'), true)
  // Which key it is stays between the visitor and the page.
  listen(undo, 'keydown', seen('Key', 'input,select,textarea,[contenteditable]'), true)
}

/** Elastic's: the name that the page gives it or what it is in, else its tag and name. */
function nameOf(element: Element): string {
  const given = element.closest('[data-transaction-name]')?.getAttribute('data-transaction-name')
  const name = element.getAttribute('name')
  return given ?? element.localName + (name ? `["${name}"]` : '')
}
