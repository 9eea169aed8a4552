/**
 * Makes one answer at a time, for however many ask for it: each takes a look at all objects, and whoever asks again and
 * again would have everything wait that goes on in turns. Whoever asks meanwhile gets the next one, which is not older than
 * the question.
 */
export class SharedAnswer<A> {
  private readonly make: () => Promise<A>
  private current: Promise<A> | undefined
  private next: Promise<A> | undefined

  constructor(make: () => Promise<A>) {
    this.make = make
  }

  /** Rejects with what `make` rejects with. */
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
