/**
 * Whom a failure is charged to. Every event handler, timer and callback has an owner (a queue, a channel, a connection, a
 * request, the broker), which is closed, set aside or reported; everybody else goes on. Only what threatens the store is
 * nobody's: it ends the process, and what was confirmed is on disk then.
 */
export interface Owner {
  failed(error: unknown): void
}

/** The store cannot be trusted to keep what it is given: nothing more may be confirmed. */
export class StoreFailure extends Error {
  override readonly name: string = 'StoreFailure'
}

/** @throws StoreFailure only */
export function charge(owner: Owner, error: unknown): void {
  if (error instanceof StoreFailure) throw error
  owner.failed(error)
}

/** Runs it, and charges the owner with what it throws. @throws StoreFailure only */
export function charged(owner: Owner, action: () => void): void {
  try {
    action()
  } catch (error) {
    charge(owner, error)
  }
}
