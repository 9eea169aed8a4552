/** Messages of the source that wait until the destination accepts more. While they are large, no more are read. */
import type { ConsumeMessage } from 'amqplib'
import { LINK_WAITING_BYTES_MAX } from './link-limits.ts'

export class WaitingMessages {
  /** Stops reading from the source, or continues. */
  hold: (on: boolean) => void = () => {}
  private readonly messages: ConsumeMessage[] = []
  private bytes = 0
  private held = false

  get count(): number {
    return this.messages.length
  }

  push(m: ConsumeMessage): void {
    this.messages.push(m)
    this.bytes += m.content.length
    this.look()
  }

  shift(): ConsumeMessage | undefined {
    const m = this.messages.shift()
    this.bytes -= m?.content.length ?? 0
    this.look()
    return m
  }

  private look(): void {
    const isMuch = this.bytes > LINK_WAITING_BYTES_MAX
    if (isMuch === this.held) return
    this.held = isMuch
    this.hold(isMuch)
  }
}
