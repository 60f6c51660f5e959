// @ts-check
// Building elements. Text goes in as text nodes only: names of spans come from strangers.

/**
 * `class`, `text` and `on…` handlers mean what they say; everything else is an attribute, left out when false or undefined.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue
    if (name === 'class') node.className = value
    else if (name === 'text') node.textContent = value
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else node.setAttribute(name, value === true ? '' : String(value))
  }
  for (const child of children) if (child) node.append(child)
  return node
}

/** Strokes on a 16 × 16 grid. */
const ICONS = {
  back: 'M10 3 5 8l5 5',
  close: 'm4 4 8 8m0-8-8 8',
  copy: 'M6 6V3.5A1.5 1.5 0 0 1 7.5 2h5A1.5 1.5 0 0 1 14 3.5v5a1.5 1.5 0 0 1-1.5 1.5H10M3.5 6h5A1.5 1.5 0 0 1 10 7.500v5A1.500 1.500 0 0 1 8.500 14h-5A1.500 1.500 0 0 1 2 12.500v-5A1.500 1.500 0 0 1 3.500 6',
  done: 'm3 8.500 3.500 3.500L13 4.500',
  error: 'M8 4.500v4.200m0 2.600v.2M8 1.800l6.400 11.700H1.600z',
  search: 'm10.500 10.500 3.500 3.500M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10',
  theme: 'M13.500 9.700A5.800 5.800 0 0 1 6.300 2.500a5.800 5.800 0 1 0 7.200 7.200',
  toggle: 'm6 4 4 4-4 4',
  up: 'M8 13V3M4 7l4-4 4 4',
  reset: 'M3 3v4h4M3.300 7A5.300 5.300 0 1 1 3 10',
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('class', `icon icon-${name}`)
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', ICONS[name])
  svg.append(path)
  return svg
}

/**
 * A button that copies a text and says that it did.
 * @param {string} label what is copied, for the tooltip
 * @param {() => string} text
 */
export function copyButton(label, text) {
  const button = element(
    'button',
    { type: 'button', class: 'icon-button copy', title: label, 'aria-label': label },
    icon('copy'),
  )
  button.addEventListener('click', async (event) => {
    event.stopPropagation()
    // The clipboard is there on https and localhost only, and may be refused.
    const copied = await Promise.resolve(navigator.clipboard?.writeText(text()).then(() => true)).catch(
      () => false,
    )
    button.replaceChildren(icon(copied ? 'done' : 'close'))
    button.title = copied ? 'Copied' : 'The browser did not allow copying'
    setTimeout(() => {
      button.replaceChildren(icon('copy'))
      button.title = label
    }, 1200)
  })
  return button
}

/** True where a key press belongs to a field that takes text. @param {EventTarget | null} target */
export function isTextField(target) {
  return (
    target instanceof HTMLElement && (target.matches('input, textarea, select') || target.isContentEditable)
  )
}
