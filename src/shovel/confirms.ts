/**
 * Tracks which messages of a channel the destination has confirmed. amqplib keeps a list from the first unconfirmed
 * message on, and makes it as long as the greatest tag that it receives: a broker that confirms the four billionth
 * message, which it was never sent, would make amqplib go through as many entries.
 */

/** @param taken false if the message was rejected */
export type Confirmed = (taken: boolean) => void

export class Confirms {
  /** Unconfirmed messages by tag. */
  private readonly open = new Map<number, Confirmed>()
  private next = 1
  /** No message with a lower tag is unconfirmed. */
  private lowest = 1

  /** Called when a message has been sent. */
  sent(confirmed: Confirmed): void {
    this.open.set(this.next++, confirmed)
  }

  /**
   * Called when the destination has confirmed or rejected messages.
   * @param multiple the tag stands for all unconfirmed messages up to it
   * @throws Error if no message with that tag was sent
   */
  answered(tag: number, multiple: boolean, taken: boolean): void {
    if (tag < 1 || tag >= this.next)
      throw new Error(`the other broker confirms message ${tag} of ${this.next - 1}`)
    if (!multiple) this.take(tag, taken)
    else for (; this.lowest <= tag; this.lowest++) this.take(this.lowest, taken)
  }

  private take(tag: number, taken: boolean): void {
    const confirmed = this.open.get(tag)
    if (!this.open.delete(tag)) return
    confirmed?.(taken)
  }
}
