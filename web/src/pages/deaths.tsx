/** Shows x-death, the history of a dead-lettered message, in sentences, with links to the queue's current consumers. */
import { getTogether, path } from '../api.ts'
import { plural, visible, when } from '../format.ts'
import { usePolling } from '../poll.ts'
import { to } from '../router.ts'
import type { Queue, Table } from '../types.ts'
import { ConnectionLink, ExchangeLink, Name, QueueLink } from '../ui/basic.tsx'

export interface Death {
  readonly queue: string
  readonly reason: string
  readonly count: number
  readonly exchange: string
  readonly keys: readonly string[]
  /** ms since 1970; NaN = unknown */
  readonly at: number
}

/** Reads x-death, latest first. Clients can publish any x-death, so its format is not relied upon. */
export function deathsOf(headers: Table | undefined): readonly Death[] {
  const list = headers?.['x-death']
  if (!Array.isArray(list)) return []
  return list
    .filter((d): d is Table => d !== null && typeof d === 'object')
    .map((d) => ({
      queue: String(d['queue'] ?? ''),
      reason: String(d['reason'] ?? ''),
      count: Number(d['count'] ?? 1),
      exchange: String(d['exchange'] ?? ''),
      keys: Array.isArray(d['routing-keys']) ? d['routing-keys'].map(String) : [],
      at: Number(d['time']) * 1000,
    }))
}

/** The headers without those whose content the history shows already. */
export function othersOf(headers: Table | undefined, deaths: readonly Death[]): Table {
  const others = { ...headers }
  if (deaths.length === 0) return others
  delete others['x-death']
  for (const [when, death] of [
    ['first', deaths.at(-1)],
    ['last', deaths[0]],
  ] as const)
    for (const what of ['reason', 'queue', 'exchange'] as const) {
      const name = `x-${when}-death-${what}`
      if (others[name] === death?.[what]) delete others[name]
    }
  return others
}

/** A Map and not an object, because the reason may be any text from a client, such as `constructor`. */
const reasons = new Map([
  ['rejected', 'was rejected by a consumer of'],
  ['expired', 'expired in'],
  ['maxlen', 'had to leave because there were too many in'],
  ['delivery_limit', 'came back too often in'],
])

interface DeathsProps {
  of: readonly Death[]
  vhost: string
  /** Whether to leave out the current consumers, which takes a request. */
  brief: boolean
}

export function Deaths({ of, vhost, brief }: DeathsProps) {
  const latest = of[0]
  return (
    <div class="deaths">
      <ol aria-label="What happened to this message">
        {of.map((d) => (
          <li key={`${d.queue}\n${d.reason}`}>
            It {reasons.get(d.reason) ?? `died (${visible(d.reason)}) in`}{' '}
            <QueueLink vhost={vhost} name={d.queue} />
            {d.count > 1 ? ` ${plural(d.count, 'time')}` : ''}
            {Number.isNaN(d.at) ? '' : `, first at ${when(d.at)}`}. It had come through{' '}
            <ExchangeLink vhost={vhost} name={d.exchange} />
            {d.keys.length === 0 ? '' : ` with the key ${visible(d.keys.join(', '))}`}.
          </li>
        ))}
      </ol>
      {!brief && (latest?.reason === 'rejected' || latest?.reason === 'delivery_limit') ? (
        <Rejectors vhost={vhost} queue={latest.queue} />
      ) : null}
    </div>
  )
}

/** The current consumers of the queue in which the message was rejected. */
function Rejectors({ vhost, queue }: { vhost: string; queue: string }) {
  const target = `queues/${path(vhost, queue)}?columns=consumer_details,consumers`
  const { data } = usePolling(target, () => getTogether<Queue>(target))
  const consumers = data?.consumer_details
  if (consumers === undefined) return null
  if (consumers.length === 0)
    return (
      <p class="muted">
        Nobody consumes from <QueueLink vhost={vhost} name={queue} /> now.
      </p>
    )
  return (
    <p>
      {consumers.length === 1 ? 'Its consumer now: ' : 'Its consumers now: '}
      {consumers.slice(0, 3).map((c, i) => (
        <span key={c.consumer_tag + c.channel_details.name}>
          {i > 0 ? ', ' : ''}
          <Name of={c.consumer_tag} /> of user {visible(c.channel_details.user)} on{' '}
          <ConnectionLink name={c.channel_details.connection_name} />
        </span>
      ))}
      {consumers.length > 3 ? (
        <>
          {' '}
          and <a href={to(['queues', vhost, queue], { tab: 'consumers' })}>{consumers.length - 3} more</a>
        </>
      ) : null}
    </p>
  )
}
