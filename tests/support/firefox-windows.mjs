/**
 * Gives a page a tab in the window of one that has been closed, as a window takes twice as long to open. Each is
 * the only one of its window, in front of an empty one that keeps the window: none is ever hidden.
 */
export class Windows {
  #send
  /** The empty tabs of windows that no page is in. */
  #free = []
  /** By page. */
  #taken = new Map()
  /** Commands that wait for an answer, by id. */
  #pending = new Map()
  #lastId = 1e9

  constructor(send) {
    this.#send = send
  }

  /** Whether a message of Playwright's has been seen to. */
  request(text) {
    // Most are longer, and something else.
    if (text.length > 500 || !text.includes('"browsingContext.create"')) return false
    const message = JSON.parse(text)
    const keeper = this.#free.pop()
    if (keeper) this.#open(message, keeper)
    else {
      const id = (this.#lastId += 1)
      this.#pending.set(id, (context) => this.#open(message, context))
      this.#send({ id, method: message.method, params: { type: 'window' } })
    }
    return true
  }

  /** Whether a message of Firefox's is none for Playwright. */
  answer(text) {
    if (text.startsWith('{"type":"event"')) {
      if (text.includes('"browsingContext.contextDestroyed"')) {
        const { context } = JSON.parse(text).params
        const keeper = this.#taken.get(context)
        this.#taken.delete(context)
        if (keeper) this.#free.push(keeper)
      }
      return false
    }
    if (!this.#pending.size) return false
    const { id, result } = JSON.parse(text)
    const then = this.#pending.get(id)
    this.#pending.delete(id)
    if (then && result) then(result.context)
    return id > 1e9
  }

  #open({ id, method, params }, keeper) {
    this.#pending.set(id, (context) => this.#taken.set(context, keeper))
    this.#send({ id, method, params: { ...params, type: 'tab', referenceContext: keeper } })
  }
}
