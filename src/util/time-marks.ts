/**
 * When things with growing numbers came, to the second and at little cost: one mark for each second in which something
 * came. Where there are too many marks every other one goes, so that what lies between counts as a little older.
 */

export const MARKS_MAX = 64

export class TimeMarks {
  /** Number and second since 1970, alternating; both grow. */
  private marks: number[] = []

  /** What comes from now on begins at that number. */
  note(number: number, second: number): void {
    const { marks } = this
    const n = marks.length
    if (n > 0) {
      if (marks[n - 1] === second) return
      // Nothing has come since the last mark.
      if (marks[n - 2] === number) {
        marks[n - 1] = second
        return
      }
      if (n === MARKS_MAX * 2) this.thin()
    }
    marks.push(number, second)
  }

  /** The second in which that number came; 0 = unknown. */
  at(number: number): number {
    const { marks } = this
    for (let i = marks.length - 2; i >= 0; i -= 2)
      if ((marks[i] as number) <= number) return marks[i + 1] as number
    return 0
  }

  private thin(): void {
    this.marks = this.marks.filter((_, i) => (i & 2) === 0)
  }

  /** Nothing below that number will be asked for. */
  forgetBefore(number: number): void {
    const { marks } = this
    let from = 0
    while (from + 2 < marks.length && (marks[from + 2] as number) <= number) from += 2
    if (from > 0) marks.splice(0, from)
  }

  /** Numbers start over at 0; what comes next came in the second of the last mark. */
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
