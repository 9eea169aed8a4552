/**
 * Which messages of a channel the destination has confirmed. The library keeps a list from the first open one on, and
 * makes it as long as the greatest tag that it is told: a broker that confirms the four billionth message, which it was
 * never sent, has it go through as many places.
 */

/** @param taken false where the message was rejected */
export type Confirmed = (taken: boolean) => void

export class Confirms {
  /** By their tags. */
  private readonly open = new Map<number, Confirmed>()
  private next = 1
  /** None below it is open. */
  private lowest = 1

  /** A message has been sent. */
  sent(confirmed: Confirmed): void {
    this.open.set(this.next++, confirmed)
  }

  /**
   * @param multiple the tag stands for all open ones up to it
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
