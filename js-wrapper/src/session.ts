/** Where the session is kept from page to page. Storage that is full, blocked or gone is survived. */
import { listen, quietly } from './hooks/patch.js'

/** What was kept last; empty if there is nothing. */
export const storedSession = (): string => quietly(() => localStorage.getItem(KEY)) ?? ''

/** Keeps a text for the next page, and for other tabs; an empty one for none. */
export const keepSession = (session: string): void =>
  quietly(() => {
    if (session) localStorage.setItem(KEY, session)
    else localStorage.removeItem(KEY)
  })

/** Has `read` called when another tab has kept one, or may have while this page heard of nothing. */
export function hookSession(read: () => void, undo: (() => void)[]): void {
  listen(undo, 'storage', (event) => {
    if ((event as StorageEvent).key === KEY) read()
  })
  listen(undo, 'pageshow', (event) => {
    if ((event as PageTransitionEvent).persisted) read()
  })
}

const KEY = 'headwater.session'
