/** A request that cannot be carried out as given: HTTP answers it with 400, and the command line prints it. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
}
