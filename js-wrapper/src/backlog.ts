/**
 * What could not be sent, in IndexedDB, for all pages of this origin. A page that takes a record has it to itself for
 * {@link LEASE}, or until it gives it back: the database's transactions are the lock, which works without `navigator.locks`,
 * too.
 */
import { quietly } from './hooks/patch.js'

export interface Backlog {
  /** Returns whether the record has been handed over. */
  keep(record: Uint8Array): boolean
  /** `maximalAge` of a record, in milliseconds. */
  take(maximalAge: number): void
  /** Deletes a record, or gives it back. */
  settleRecord(key: number, done: boolean): void
  close: () => void
}

interface Kept {
  /** The collector's. */
  url: string
  record: Uint8Array
  /** Unix milliseconds. */
  time: number
  /** Unix milliseconds until which somebody has it. */
  lease: number
}

/**
 * @param url - the collector's: records for another one are left alone.
 * @param taken - called with a key and a record, or with 0 if there is none.
 * @param lost - in `headwater/full`, called with a record that could not be kept after all.
 */
export function createBacklog(
  url: () => string,
  taken: (key: number, record?: Uint8Array) => void,
  lost: (record: Uint8Array) => void,
): Backlog {
  let database: IDBDatabase | undefined
  let count = 0
  let current: Kept | undefined
  const none = () => taken(0)
  const store = () => (database as unknown as IDBDatabase).transaction(STORE, 'readwrite').objectStore(STORE)

  const take = (maximalAge: number) => {
    const records = store()
    const counting = records.count()
    let key = 0
    current = undefined
    counting.onsuccess = () => {
      count = counting.result
      // A cursor that has nothing takes Chromium a millisecond.
      if (!count) return
      const cursors = records.openCursor()
      cursors.onsuccess = () => {
        const cursor = cursors.result
        if (!cursor) return
        const kept = cursor.value as Kept
        const now = Date.now()
        if (!(now - kept.time < maximalAge && kept.record instanceof Uint8Array)) {
          count -= 1
          cursor.delete()
        } else if (!key && kept.url === url() && !(kept.lease > now)) {
          key = cursor.key as number
          current = { ...kept, lease: now + LEASE }
          cursor.update(current)
        }
        cursor.continue()
      }
    }
    // Not before: two pages may have asked.
    records.transaction.oncomplete = () => taken(key, current?.record)
    records.transaction.onabort = none
  }

  return {
    keep: (record) =>
      !!quietly(() => {
        if (!database || count >= RECORDS) return false
        const records = store()
        const copy = record.slice()
        records.add({ url: url(), record: copy, time: Date.now(), lease: 0 } satisfies Kept)
        // There is no more room, or the disk fails.
        if (FULL) records.transaction.onabort = () => lost(copy)
        // The page may be gone before the browser would do so itself.
        records.transaction.commit()
        count += 1
        return true
      }),
    take(maximalAge) {
      // Private windows, blocked storage, a database that is broken or of a later version: there is none.
      const attempt = (step: () => void) => {
        try {
          step()
        } catch {
          queueMicrotask(none)
        }
      }
      attempt(() => {
        if (database) return take(maximalAge)
        const opening = indexedDB.open('headwater', 1)
        opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { autoIncrement: true })
        opening.onerror = none
        opening.onsuccess = () => {
          database = opening.result
          // Somebody wants it deleted.
          database.onversionchange = () => opening.result.close()
          attempt(() => take(maximalAge))
        }
      })
    },
    close: () => database?.close(),
    settleRecord(key, done) {
      quietly(() =>
        // As with what is kept: the page may be gone.
        (done ? store().delete(key) : store().put({ ...current, lease: 0 }, key)).transaction?.commit(),
      )
    },
  }
}

const STORE = 'spans'
/** Milliseconds, longer than a request may take. */
const LEASE = 30_000
/** Of at most 60 KiB each, or 120 where they are compressed on their way. */
const RECORDS = 128
