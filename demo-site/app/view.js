// @ts-check
/** The few ways in which the account builds its elements. */

/**
 * An element with children, which may be plain text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(name, attributes, ...children) {
  const created = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value)
  created.append(...children)
  return created
}

/**
 * An element with a text.
 * @param {keyof HTMLElementTagNameMap} name
 * @param {string} content
 * @returns {HTMLElement}
 */
export function text(name, content) {
  return element(name, {}, content)
}

/**
 * A list of facts.
 * @param {[string, string][]} entries
 * @returns {HTMLElement}
 */
export function facts(entries) {
  const groups = entries.map(([name, value]) => element('div', {}, text('dt', name), text('dd', value)))
  return element('dl', { class: 'facts' }, ...groups)
}

/**
 * A table with a head.
 * @param {string[]} columns
 * @param {(Node | string)[][]} rows
 * @returns {HTMLElement}
 */
export function table(columns, rows) {
  const head = element('tr', {}, ...columns.map((name) => element('th', { scope: 'col' }, name)))
  const body = rows.map((cells) => element('tr', {}, ...cells.map((cell) => element('td', {}, cell))))
  const all = element('table', {}, element('thead', {}, head), element('tbody', {}, ...body))
  return element('div', { class: 'panel scroll' }, all)
}

/**
 * What is shown in place of a view that could not be loaded.
 * @param {any} error
 * @returns {HTMLElement}
 */
export function failure(error) {
  return element('p', { class: 'bad', role: 'alert' }, `That did not work: ${error?.message ?? error}`)
}

/**
 * @param {number} cents
 * @returns {string}
 */
export function euros(cents) {
  return `€ ${(cents / 100).toFixed(2)}`
}
