/**
 * Those who were told to wait before they send more: `send` returned false, so 'drain' is owed, and promises of
 * `drained()` wait for the same moment.
 */
interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Drain {
  /** `send` has returned false, and nobody has been told to go on. */
  isOwed = false
  #waiters: Waiter[] | undefined = undefined

  /** Resolves when there is room again; at once if nobody was told to wait. */
  wait(): Promise<void> {
    if (!this.isOwed) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters ??= []
      this.#waiters.push({ resolve, reject })
    })
  }

  /** There is room. */
  settle(): void {
    this.isOwed = false
    for (const { resolve } of this.#waiters?.splice(0) ?? []) resolve()
  }

  /** Nothing more will be sent. */
  fail(error: () => Error): void {
    for (const { reject } of this.#waiters?.splice(0) ?? []) reject(error())
  }
}
