// hot: per message
/** The open channels of a connection by number; the one used last is found without a look-up. */
import type { Channel } from '../channel/channel.ts'

export class ChannelTable {
  private readonly byNumber = new Map<number, Channel>()
  private lastNumber = -1
  private last: Channel | undefined

  get size(): number {
    return this.byNumber.size
  }

  [Symbol.iterator](): Iterator<Channel> {
    return this.byNumber.values()
  }

  find(number: number): Channel | undefined {
    if (number === this.lastNumber) return this.last
    const ch = this.byNumber.get(number)
    if (ch !== undefined) {
      this.lastNumber = number
      this.last = ch
    }
    return ch
  }

  add(ch: Channel): void {
    this.byNumber.set(ch.number, ch)
  }

  remove(ch: Channel): void {
    this.byNumber.delete(ch.number)
    this.lastNumber = -1
    this.last = undefined
  }

  clear(): void {
    this.byNumber.clear()
    this.lastNumber = -1
    this.last = undefined
  }
}
