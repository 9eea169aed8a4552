/** What prevents a start, or a setting from having its effect, in one line that says all: it needs no stack. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
