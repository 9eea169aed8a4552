/**
 * Records when items with increasing numbers arrived, to the second and at little cost: one mark for each second with
 * an arrival. When there are too many marks every other one is dropped, so that the items between appear slightly
 * older.
 */

export const MARKS_MAX = 64

export class TimeMarks {
  /** Number and second since 1970, alternating; both increase. */
  private marks: number[] = []

  /** Notes that the items from that number on arrive in that second. */
  note(number: number, second: number): void {
    const { marks } = this
    const n = marks.length
    if (n > 0) {
      if (marks[n - 1] === second) return
      // Nothing has arrived since the last mark.
      if (marks[n - 2] === number) {
        marks[n - 1] = second
        return
      }
      if (n === MARKS_MAX * 2) this.thin()
    }
    marks.push(number, second)
  }

  /** The second in which that number arrived; 0 = unknown. */
  at(number: number): number {
    const { marks } = this
    for (let i = marks.length - 2; i >= 0; i -= 2)
      if ((marks[i] as number) <= number) return marks[i + 1] as number
    return 0
  }

  private thin(): void {
    this.marks = this.marks.filter((_, i) => (i & 2) === 0)
  }

  /** Drops the marks of smaller numbers, which will not be requested any more. */
  forgetBefore(number: number): void {
    const { marks } = this
    let from = 0
    while (from + 2 < marks.length && (marks[from + 2] as number) <= number) from += 2
    if (from > 0) marks.splice(0, from)
  }

  /** Numbering restarts at 0; the next items count as arrived in the second of the last mark. */
  restart(): void {
    const { marks } = this
    const second = marks.at(-1)
    marks.length = 0
    if (second !== undefined) marks.push(0, second)
  }

  /** Pairs of number and second. */
  get pairs(): readonly number[] {
    return this.marks
  }
}
