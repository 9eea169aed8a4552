/**
 * Assigns failures to owners. Every event handler, timer and callback has an owner (a queue, a channel, a connection, a
 * request, the broker), which is closed, quarantined or reported when it fails, while everything else continues. Only a
 * failure that threatens the store has no owner: it ends the process, with everything that was confirmed on disk.
 */
export interface Owner {
  failed(error: unknown): void
}

/** The store can no longer be relied on to keep data: nothing more may be confirmed. */
export class StoreFailure extends Error {
  override readonly name: string = 'StoreFailure'
}

/** Charges the error to the owner. @throws StoreFailure only */
export function charge(owner: Owner, error: unknown): void {
  if (error instanceof StoreFailure) throw error
  owner.failed(error)
}

/** Runs the action and charges what it throws to the owner. @throws StoreFailure only */
export function charged(owner: Owner, action: () => void): void {
  try {
    action()
  } catch (error) {
    charge(owner, error)
  }
}
