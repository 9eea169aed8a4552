/** After a change of rights: consumers of queues that their user may no longer read are cancelled. */
import type { Steps } from '../broker/jobs.ts'
import { RECHECKED_PER_STEP } from '../limits.ts'
import type { Channel } from './channel.ts'
import type { ChannelConsumer } from './consumer.ts'

export function* cancelForbidden(ch: Channel): Steps {
  let checked = 0
  for (const c of [...ch.consumers.values()]) {
    if (++checked % RECHECKED_PER_STEP === 0) yield
    if (ch.consumers.get(c.tag) !== c || c.tag === ch.replyConsumer?.tag) continue
    if (ch.caller.access.allows('read', c.queue.name)) continue
    // It gets no more messages from now on. Notifying the clients takes longer if very many consumers are affected.
    c.queue.cancel(c)
    ch.broker.turn.jobs.soon(ch, () => revoked(ch, c))
  }
}

function revoked(ch: Channel, c: ChannelConsumer): void {
  if (ch.consumers.get(c.tag) !== c) return
  const fields = { connection: ch.client.name, channel: ch.number, queue: c.queue.name }
  ch.client.channelLogger.info(fields, 'consumer cancelled: its user may not read the queue')
  ch.consumerCancelled(c)
}
