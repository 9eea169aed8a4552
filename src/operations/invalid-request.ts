/** A request that cannot be carried out as it is: what HTTP answers with 400 and the command line prints. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
}
