/** Where the session is kept from page to page. Storage that is full, blocked or gone is survived. */
import { quietly } from './hooks/patch.js'

/** What was kept last; empty if there is nothing. */
export const storedSession = (): string => quietly(() => localStorage.getItem(KEY)) ?? ''

/** Keeps a text for the next page. */
export const keepSession = (session: string): void =>
  quietly(() => {
    localStorage.setItem(KEY, session)
  })

const KEY = 'headwater.session'
