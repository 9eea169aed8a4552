/**
 * Computes one answer at a time and shares it among all requests for it: each computation visits all objects, so
 * frequent requests would otherwise delay all other work. A request that arrives during a computation gets the result
 * of the next one, so no answer is older than its request.
 */
export class SharedAnswer<A> {
  private readonly make: () => Promise<A>
  private current: Promise<A> | undefined
  private next: Promise<A> | undefined

  constructor(make: () => Promise<A>) {
    this.make = make
  }

  /** Returns the shared answer. Rejects with the error of `make`. */
  get(): Promise<A> {
    const { current } = this
    if (current === undefined) return this.begin()
    this.next ??= Promise.allSettled([current]).then(() => {
      this.next = undefined
      return this.begin()
    })
    return this.next
  }

  private begin(): Promise<A> {
    const made = this.make()
    this.current = made
    const over = (): void => {
      if (this.current === made) this.current = undefined
    }
    made.then(over, over)
    return made
  }
}
