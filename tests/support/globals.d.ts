/** What the script-tag build sets, as the functions that tests run in the page see it. */
type HeadwaterAgent = {
  captureError(error: unknown): void
  getSessionId?(): string | undefined
  init(options?: unknown): HeadwaterAgent
  isActive(): boolean
  isEnabled(): boolean
  flush(): Promise<{ sent: number; waiting: number; lost: number }>
  diagnostics(): { droppedSpans: number; sentSpans: number; refusedSpans: number }
  pause(): void
  resume(): void
  setConsent(consent: string): void
  stop(): void
}

declare const headwater: {
  init(options?: unknown): HeadwaterAgent
  initApm(options?: unknown): HeadwaterAgent
  apm: HeadwaterAgent
  createAgent(): HeadwaterAgent
}
declare const initApm: (options?: unknown) => HeadwaterAgent
declare const axios: typeof import('axios').default

/** Made by `visit` and `open`. Resolves with the status, which is 0 for an error. */
declare const viaXhr: (method: string, url: string, headers?: Record<string, string>) => Promise<number>
