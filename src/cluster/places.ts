/** The places where batches end in the shared log, each kept until the store has the batch on disk. */
import type { Place } from './ledger.ts'

export class Places {
  /** The place up to which the store has everything on disk: the log is needed from the next record on. */
  flushed: Place
  private readonly log: string
  private places: Place[] = []
  /** Places that were written to the store, which it may not have on disk yet. */
  private marks: Place[] = []

  constructor(flushed: Place, log: string) {
    this.flushed = flushed
    this.log = log
  }

  /** Called when the log has been read up to that place. */
  add(place: Place): void {
    if (this.places.at(-1)?.number === place.number) this.places.pop()
    this.places.push(place)
  }

  /** Properties that the store keeps beside that batch's number, so that the log can be read again from there. */
  mark(number: number): object {
    const place = this.places.findLast((p) => p.number <= number) ?? this.flushed
    this.marks.push(place)
    const { sequence, epoch, owner } = place
    return { sequence, epoch, owner, log: this.log }
  }

  /** Called when the store has everything up to that batch on disk. */
  flush(number: number): void {
    this.flushed = this.marks.findLast((p) => p.number <= number) ?? this.flushed
    this.marks = this.marks.filter((p) => p.number > number)
    this.places = this.places.filter((p) => p.number >= number)
  }
}
