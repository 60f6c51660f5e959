import htmx from 'htmx.org'

import { htmxPage, type Htmx } from './htmx-page.js'

// Its types are those of CommonJS, and its code is not.
export const use = htmxPage(htmx as unknown as Htmx, {
  done: 'htmx:finally:request',
  configure: 'htmx:config:request',
  headersOf: (detail) =>
    (detail as { ctx: { request: { headers: Record<string, string> } } }).ctx.request.headers,
})
