import htmx from 'htmx-2'

import { htmxPage, type Htmx } from './htmx-page.js'

// Its types are those of CommonJS, and its code is not.
export const use = htmxPage(htmx as unknown as Htmx, {
  done: 'htmx:afterRequest',
  configure: 'htmx:configRequest',
  headersOf: (detail) => (detail as { headers: Record<string, string> }).headers,
})
