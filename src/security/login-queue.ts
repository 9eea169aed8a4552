/** Logins that wait for something that few of them have at a time, by their addresses. */
import { LOGINS_WAITING_MAX } from '../limits.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import type { FairQueue } from '../util/fair-queue.ts'

export interface WaitingLogin {
  reject(error: Error): void
}

/**
 * Makes room for a login from that address, where too many are waiting.
 * @throws AmqpError 506 if no other address has more of them; else the newest one of the address with the most does
 */
export function admit(queue: FairQueue<WaitingLogin>, address: string, max = LOGINS_WAITING_MAX): void {
  if (queue.size < max) return
  const tooMany = new AmqpError(ReplyCode.ResourceError, 'too many logins are waiting for their turn')
  const other = queue.makeRoomFor(address)
  if (other === undefined) throw tooMany
  other.reject(tooMany)
}
