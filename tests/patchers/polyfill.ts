import { fetch as polyfill, Headers, Request, Response } from 'whatwg-fetch'

import type { Patcher } from './patcher.js'

/** It installs itself only where there is none; here it does what it does then. */
export const patcher: Patcher = {
  start: () => void Object.assign(globalThis, { fetch: polyfill, Headers, Request, Response }),
}
