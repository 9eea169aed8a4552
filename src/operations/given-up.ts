/** The broker was closed before an operation was complete. */
export class GivenUp extends Error {}
