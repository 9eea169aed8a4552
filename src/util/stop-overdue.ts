/** The end of a broker has taken too long: its disk, or the log of its cluster, does not answer. */
export class StopOverdue extends Error {
  override readonly name = 'StopOverdue'

  constructor(ms: number) {
    super(`the disk or the log has not answered for ${ms / 1000} s; everything that was confirmed is there`)
  }
}
