/** x-max-length, x-max-length-bytes and x-overflow: what a queue may hold ready (behaviour.md section 11). */
import type { MessageCounts } from '../messages/order.ts'

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx'

export class LengthLimit {
  readonly overflow: Overflow
  private readonly maxMessages: number
  private readonly maxBytes: number

  /** Infinity where one of the two is not set. */
  constructor(maxMessages: number, maxBytes: number, overflow: Overflow) {
    this.maxMessages = maxMessages
    this.maxBytes = maxBytes
    this.overflow = overflow
  }

  /** One more message would exceed it, an empty one even. */
  isFull(ready: number, readyBytes: number): boolean {
    return ready >= this.maxMessages || readyBytes >= this.maxBytes
  }

  /** `at most 1000 messages and 5000 octets` */
  describe(): string {
    const parts = [
      ...(Number.isFinite(this.maxMessages) ? [`${this.maxMessages} messages`] : []),
      ...(Number.isFinite(this.maxBytes) ? [`${this.maxBytes} octets`] : []),
    ]
    return `at most ${parts.join(' and ')}`
  }

  /** There are more ready messages than allowed, and the first have to go. Where publishes are refused, what comes back stays. */
  exceeded(order: MessageCounts): boolean {
    return (
      this.overflow === 'drop-head' && (order.ready > this.maxMessages || order.readyBytes > this.maxBytes)
    )
  }

  /** One more message with that body would exceed the limit. */
  wouldExceed(order: MessageCounts, bodySize: number): boolean {
    return order.ready + 1 > this.maxMessages || order.readyBytes + bodySize > this.maxBytes
  }
}
