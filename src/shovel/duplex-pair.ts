/** A pair of connected in-process streams: each reads what is written to the other. */
import { Duplex } from 'node:stream'
import { soon, whenThereIsTime } from '../util/timers.ts'

class Side extends Duplex {
  other: Side | undefined
  /** Completes the other side's write once this side is read. */
  private waiting: (() => void) | undefined

  constructor() {
    super({ allowHalfOpen: false })
  }

  override _read(): void {
    const { waiting } = this
    this.waiting = undefined
    waiting?.()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    // Not synchronously: neither side expects a callback during its own write. Very many pairs share the time of a turn.
    whenThereIsTime(() => {
      const other = this.other as Side
      if (other.destroyed) done()
      // A copy: the broker reuses its memory when the write is done, and the other side may read later.
      else if (other.push(Buffer.from(chunk))) done()
      else other.waiting = done
    })
  }

  override _final(done: () => void): void {
    soon(() => {
      if (this.other?.destroyed === false) this.other.push(null)
      done()
    })
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this
    this.waiting?.()
    this.waiting = undefined
    soon(() => {
      if (other !== undefined && !other.destroyed) other.destroy()
    })
    done(error)
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const [a, b] = [new Side(), new Side()]
  a.other = b
  b.other = a
  return [a, b]
}
