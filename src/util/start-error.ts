/** Why the broker cannot start or a setting has no effect, in one complete line: it needs no stack. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
