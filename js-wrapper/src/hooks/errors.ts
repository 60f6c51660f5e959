/** Reports that something has failed on the page. */
import type { Module } from '../load-wasm.js'

/** Installs the hook. */
export function hookErrors(module: Module, undo: (() => void)[]): void {
  const failed = () => {
    module.call('noteError')
  }
  for (const event of ['error', 'unhandledrejection']) {
    addEventListener(event, failed)
    undo.push(() => removeEventListener(event, failed))
  }
}
