import { preconditionFailed } from '../../protocol/errors.ts'
import { MethodId } from '../../protocol/generated/constants.ts'
import type { ServerMethod } from '../../protocol/generated/methods.ts'
import type { Channel } from '../channel.ts'
import { Confirms } from '../confirms.ts'
import { deliverTo, returnMessage } from '../publish.ts'
import { Transaction } from '../transaction.ts'
import type { Handlers } from './handler.ts'

/** @throws AmqpError 406 */
function transactionOf(ch: Channel): Transaction {
  if (ch.transaction === undefined) throw preconditionFailed('channel is not transactional')
  return ch.transaction
}

/** One turn, hence one batch on disk: all of it or nothing outlives a crash. */
function commit(ch: Channel): ServerMethod {
  const t = transactionOf(ch)
  let accepted = true
  for (const p of t.publishes) {
    if (p.returned) returnMessage(ch, p.message)
    else if (!deliverTo(ch, p.message, p.route)) accepted = false
  }
  for (const s of t.settles) ch.settle(s.tag, false, s.how)
  t.clear()
  if (!accepted) throw preconditionFailed('partial tx completion')
  return { id: MethodId.TxCommitOk }
}

export const txMethods = {
  [MethodId.ConfirmSelect](ch, m) {
    if (ch.transaction !== undefined) throw preconditionFailed('cannot switch from tx to confirm mode')
    ch.confirms ??= new Confirms()
    if (!m.nowait) ch.send({ id: MethodId.ConfirmSelectOk })
  },

  [MethodId.TxSelect](ch) {
    if (ch.confirms !== undefined) throw preconditionFailed('cannot switch from confirm to tx mode')
    ch.transaction ??= new Transaction()
    ch.send({ id: MethodId.TxSelectOk })
  },

  [MethodId.TxCommit](ch) {
    ch.connection.stored(() => commit(ch), ch, true)
  },

  /** The acknowledgements are undone too: their deliveries are outstanding as before, and not sent again. */
  [MethodId.TxRollback](ch) {
    transactionOf(ch).clear()
    ch.send({ id: MethodId.TxRollbackOk })
  },
} satisfies Partial<Handlers>
