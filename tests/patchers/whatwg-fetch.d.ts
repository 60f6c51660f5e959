/** It has no types: its functions are those of the browser. */
declare module 'whatwg-fetch' {
  export const { fetch, Headers, Request, Response }: typeof globalThis
}
