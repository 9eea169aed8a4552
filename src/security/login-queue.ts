/** Bounds the logins that wait for something that only few of them can use at a time. */

import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import type { FairQueue } from '../util/fair-queue.ts'
import { LOGINS_WAITING_MAX } from './login-limits.ts'

export interface WaitingLogin {
  reject(error: Error): void
}

/**
 * Makes room for a login from that address if too many are waiting.
 * @throws AmqpError 506 unless another address has at least two more waiting; its newest login then gets this error
 */
export function admit(queue: FairQueue<WaitingLogin>, address: string, max = LOGINS_WAITING_MAX): void {
  if (queue.size < max) return
  const tooMany = new AmqpError(ReplyCode.ResourceError, 'too many logins are waiting for their turn')
  const other = queue.makeRoomFor(address)
  if (other === undefined) throw tooMany
  other.reject(tooMany)
}
