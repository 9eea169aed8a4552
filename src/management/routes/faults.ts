/** Items that the broker has set aside: messages that it cannot handle, and stored objects that it cannot read. */
import type { ParkedMessage } from '../../broker/queue/aside.ts'
import { PARKED_LISTED_MAX } from '../../limits.ts'
import { dropParked, releaseParked } from '../../operations/messages.ts'
import type { Json } from '../../util/json.ts'
import { type AddRoute, badRequest, notFound, type Request } from '../http.ts'

function parkedMessages(r: Request): Json[] {
  const out: Json[] = []
  for (const v of r.vhostsOfPath())
    for (const q of v.queues.values())
      for (const m of q.aside) {
        if (out.length === PARKED_LISTED_MAX) return out
        out.push({ vhost: v.name, queue: q.name, ...json(m) })
      }
  if (r.params['vhost'] !== undefined || !r.is('monitoring')) return out
  // Messages held by a delayed exchange are not in any queue yet.
  for (const m of r.broker.delays.aside) {
    if (out.length === PARKED_LISTED_MAX) return out
    out.push({ vhost: '', queue: '', ...json(m) })
  }
  return out
}

function json({ number, during, reason, parkedAt }: ParkedMessage): Json {
  return { number, during, reason, parked_at: parkedAt }
}

export function faultRoutes(add: AddRoute): void {
  for (const path of ['parked-messages', 'parked-messages/:vhost'])
    add('GET', path, 'management', (r) => parkedMessages(r))
  add('GET', 'quarantined-objects', 'monitoring', (r) => r.broker.objects.quarantined)
  add('POST', 'queues/:vhost/:name/release', 'management', (r) => ({
    released: releaseParked(r.caller(r.vhost()), r.params['name'] ?? ''),
  }))
  const one = 'queues/:vhost/:name/parked-messages/:number'
  add('DELETE', one, 'management', (r) => {
    if (!dropParked(r.caller(r.vhost()), r.params['name'] ?? '', numberOf(r))) throw notFound()
    r.broker.commit.noteChange()
    return r.stored(false)
  })
  add('POST', `${one}/release`, 'management', (r) => {
    if (releaseParked(r.caller(r.vhost()), r.params['name'] ?? '', numberOf(r)) === 0) throw notFound()
    return r.stored(false)
  })
  const delayed = 'parked-delayed-messages/:number'
  add('DELETE', delayed, 'administrator', (r) => {
    if (!r.broker.delays.dropParked(numberOf(r))) throw notFound()
    return r.stored(false)
  })
  add('POST', `${delayed}/release`, 'administrator', (r) => {
    if (!r.broker.delays.releaseParked(numberOf(r))) throw notFound()
    return r.stored(false)
  })
  add('DELETE', 'quarantined-objects/:key', 'administrator', (r) => {
    if (!r.broker.objects.drop(r.params['key'] ?? '')) throw notFound()
    return r.stored(false)
  })
}

/** @throws HttpError 400 */
function numberOf(r: Request): number {
  const text = r.params['number'] ?? ''
  if (!/^\d{1,16}$/.test(text)) throw badRequest(`no number of a message: ${text}`)
  return Number(text)
}
