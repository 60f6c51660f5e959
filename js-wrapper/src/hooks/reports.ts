/** Reports what the browser has to say beside exceptions: `Report` in `crate/src/signal/report.rs`. */
import { packParts } from '../attributes.js'
import type { Module } from '../load-wasm.js'
import { listen, quietly } from './patch.js'

/** Installs the hook. */
export function hookReports(module: Module, undo: (() => void)[]): void {
  const tell = (kind: number, ...parts: unknown[]) =>
    module.call('captureError', packParts([location.href, ...parts], MOST), kind, 0)
  const place = ({ sourceFile, lineNumber, columnNumber }: Place) =>
    sourceFile && [sourceFile, lineNumber, columnNumber].join(':')

  const failed = ({ target, isTrusted }: Event) =>
    quietly(() => {
      // Exceptions are told of at the window itself, and a page may send events of its own.
      if (!isTrusted || !(target instanceof Element)) return
      const { currentSrc, src, href } = target as {
        currentSrc?: unknown
        src?: unknown
        href?: unknown
      } & Element
      // Those of SVG are objects.
      const url = [currentSrc, src, href].find((value) => value && typeof value === 'string')
      tell(RESOURCE, target.localName, url)
    })
  listen(undo, 'error', failed, true)

  const violated = (event: SecurityPolicyViolationEvent) =>
    quietly(() => tell(POLICY, event.effectiveDirective, event.blockedURI, event.disposition, place(event)))
  listen(undo, 'securitypolicyviolation', violated, true, document)

  // Chromium's and WebKit's; https://www.w3.org/TR/reporting-1/#observers
  const { ReportingObserver } = globalThis as unknown as { ReportingObserver?: ObserverConstructor }
  if (!ReportingObserver) return
  const observer = new ReportingObserver(
    (reports) =>
      quietly(() => {
        for (const { type, body } of reports)
          tell(
            type === 'intervention' ? INTERVENTION : DEPRECATION,
            body?.id,
            '',
            body?.message,
            body && place(body),
          )
      }),
    { types: ['deprecation', 'intervention'], buffered: true },
  )
  observer.observe()
  undo.push(() => observer.disconnect())
}

interface Place {
  sourceFile?: string | null
  lineNumber?: number | null
  columnNumber?: number | null
}

type ObserverConstructor = new (
  told: (reports: { type: string; body: (Place & { id?: string; message?: string }) | null }[]) => void,
  options: { types: string[]; buffered: boolean },
) => { observe(): void; disconnect(): void }

const RESOURCE = 2
const POLICY = 3
const DEPRECATION = 4
const INTERVENTION = 5
/** Characters of a part. */
const MOST = 2_000
