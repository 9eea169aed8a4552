/** x-max-length, x-max-length-bytes and x-overflow: the limits on ready messages (behaviour.md section 11). */
import type { MessageCounts } from '../messages/order.ts'

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx'

export class LengthLimit {
  readonly overflow: Overflow
  private readonly maxMessages: number
  private readonly maxBytes: number

  /** Each limit is Infinity if not set. */
  constructor(maxMessages: number, maxBytes: number, overflow: Overflow) {
    this.maxMessages = maxMessages
    this.maxBytes = maxBytes
    this.overflow = overflow
  }

  /** Whether even an empty message would exceed the limit. */
  isFull(ready: number, readyBytes: number): boolean {
    return ready >= this.maxMessages || readyBytes >= this.maxBytes
  }

  /** A description such as `at most 1000 messages and 5000 octets`. */
  describe(): string {
    const parts = [
      ...(Number.isFinite(this.maxMessages) ? [`${this.maxMessages} messages`] : []),
      ...(Number.isFinite(this.maxBytes) ? [`${this.maxBytes} octets`] : []),
    ]
    return `at most ${parts.join(' and ')}`
  }

  /**
   * Whether there are too many ready messages, so that the first must be dropped. With overflow=reject-publish nothing
   * is dropped: only requeued messages can exceed the limit, and they stay.
   */
  exceeded(order: MessageCounts): boolean {
    return (
      this.overflow === 'drop-head' && (order.ready > this.maxMessages || order.readyBytes > this.maxBytes)
    )
  }

  /** Whether a message with a body of that size would exceed the limit. */
  wouldExceed(order: MessageCounts, bodySize: number): boolean {
    return order.ready + 1 > this.maxMessages || order.readyBytes + bodySize > this.maxBytes
  }
}
