/** Channels of all connections, or of one. */
import { path } from '../api.ts'
import { count, rate, visible } from '../format.ts'
import { noteAll, samplesQuery } from '../history.ts'
import { usePoll } from '../poll.ts'
import { to } from '../router.ts'
import { type Channel, rateOf } from '../types.ts'
import { Badge, Card, ConnectionLink, Failure, Figure, Heading, Loading, Name } from '../ui/basic.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'
import { RateChart } from '../ui/rate-chart.tsx'
import { useRemoteRows } from '../ui/remote.ts'
import { ConsumerTable } from './consumers.tsx'
import { RangeChoice, useRange } from './overview.tsx'
import { DELIVERIES } from './stats.ts'

interface Numeric {
  readonly key: string
  readonly title: string
  readonly sort: string
  of(ch: Channel): number
  show?(n: number): string
}

const numbers: readonly Numeric[] = [
  { key: 'consumers', title: 'Consumers', sort: 'consumer_count', of: (ch) => ch.consumer_count },
  { key: 'prefetch', title: 'Prefetch', sort: 'prefetch_count', of: (ch) => ch.prefetch_count },
  {
    key: 'unacked',
    title: 'Unacked',
    sort: 'messages_unacknowledged',
    of: (ch) => ch.messages_unacknowledged,
  },
  {
    key: 'unconfirmed',
    title: 'Unconfirmed',
    sort: 'messages_unconfirmed',
    of: (ch) => ch.messages_unconfirmed,
  },
  {
    key: 'publish',
    title: 'In',
    sort: 'message_stats.publish_details.rate',
    of: (ch) => rateOf(ch.message_stats, 'publish'),
    show: rate,
  },
  {
    key: 'deliver',
    title: 'Out',
    sort: 'message_stats.deliver_get_details.rate',
    of: (ch) => rateOf(ch.message_stats, 'deliver_get'),
    show: rate,
  },
]

/** Shortens `127.0.0.1:5000 -> 127.0.0.1:5672 (1)` by the broker's address, which nearly all channels share. */
function brief(name: string): string {
  return name.replace(/ -> \S+(?= \(\d+\)$)/, '')
}

/** The mode as one value, to sort by; the broker has a field for each mode. */
function modeOf(ch: Channel): string {
  return ch.confirm ? 'confirm' : ch.transactional ? 'tx' : ''
}

function columnsOf(local: boolean): readonly Column<Channel>[] {
  return [
    {
      key: 'name',
      title: 'Channel',
      sort: local ? (ch: Channel) => ch.number : 'name',
      render: (ch) => (
        <a href={to(['channels', ch.name])}>
          <Name of={brief(ch.name)} full={ch.name} />
        </a>
      ),
    },
    {
      key: 'user',
      title: 'User',
      sort: local ? (ch: Channel) => ch.user : 'user',
      width: '7rem',
      hide: 'tablet',
      render: (ch) => visible(ch.user),
    },
    {
      key: 'mode',
      title: 'Mode',
      sort: local ? modeOf : 'confirm',
      width: '6.5rem',
      hide: 'tablet',
      render: (ch) => (
        <>
          {ch.confirm ? <Badge>confirm</Badge> : null}
          {ch.transactional ? <Badge>tx</Badge> : null}
        </>
      ),
    },
    ...numbers.map(
      (n, i): Column<Channel> => ({
        key: n.key,
        title: n.title,
        sort: local ? n.of : n.sort,
        numeric: true,
        width: `${Math.max(5.5, n.title.length * 0.55 + 2.4).toFixed(1)}rem`,
        ...(i === 2 ? {} : { hide: i < 2 ? 'phone' : 'tablet' }),
        render: (ch) => (n.show ?? count)(n.of(ch)),
      }),
    ),
  ]
}

const remote = columnsOf(false)
const local = columnsOf(true)

export function Channels() {
  const order = useOrder()
  const rows = useRemoteRows<Channel>('channels', remote, order)
  return (
    <>
      <Heading title="Channels" />
      <div class="tools">
        <Filter label="Filter by name" regex />
        <Count rows={rows} what="channels" />
      </div>
      <Grid
        label="Channels"
        columns={remote}
        rows={rows}
        order={order}
        id={(ch) => ch.name}
        empty="No channel is open."
      />
    </>
  )
}

export function ChannelTable({ list }: { list: readonly Channel[] | undefined }) {
  const order = useOrder()
  const rows = useLocalRows(list, local, order, (ch) => ch.name)
  return (
    <>
      <div class="tools">
        <Filter label="Filter channels" />
        <Count rows={rows} what="channels" />
      </div>
      <Grid
        low
        label="Channels"
        columns={local}
        rows={rows}
        order={order}
        id={(ch) => ch.name}
        empty="No channel is open."
      />
    </>
  )
}

export function OneChannel({ name }: { name: string }) {
  const range = useRange()
  const target = `channels/${path(name)}`
  const { data: ch, error, at } = usePoll<Channel>(`${target}?${samplesQuery(range, 'msg_rates')}`)
  if (ch === undefined)
    return error === undefined ? (
      <Loading />
    ) : (
      <>
        <Heading title="Channel" crumbs={[['Channels', to(['channels'])]]} />
        <Failure error={error} />
        <p class="empty">It may have been closed.</p>
      </>
    )
  const m = ch.message_stats
  noteAll(target, m, at)
  return (
    <>
      <Heading title={<Name of={ch.name} />} crumbs={[['Channels', to(['channels'])]]} />
      <p class="badges">
        <Badge>
          <Name of={ch.vhost} />
        </Badge>
        <Badge>user {visible(ch.user)}</Badge>
        {ch.confirm ? <Badge>confirm</Badge> : null}
        {ch.transactional ? <Badge>transactions</Badge> : null}
      </p>
      <p>
        On connection <ConnectionLink name={ch.connection_details.name} />, where it can be closed with all
        channels.
      </p>
      <div class="figures">
        <Figure label="Unacked" value={count(ch.messages_unacknowledged)} />
        <Figure label="Prefetch per consumer" value={ch.prefetch_count === 0 ? '∞' : ch.prefetch_count} />
        <Figure
          label="Prefetch together"
          value={ch.global_prefetch_count === 0 ? '∞' : ch.global_prefetch_count}
        />
        <Figure label="Unconfirmed" value={count(ch.messages_unconfirmed)} />
        <Figure label="Uncommitted" value={count(ch.messages_uncommitted)} />
      </div>
      <div class="row-end">
        <RangeChoice />
      </div>
      <div class="charts">
        <RateChart
          target={target}
          stats={m}
          span={range * 1000}
          until={at}
          lines={[
            ['published', 'publish'],
            ['delivered', ...DELIVERIES],
            ['acknowledged', 'ack'],
            ['confirmed', 'confirm'],
          ]}
        />
      </div>
      <Card title="Consumers">
        <ConsumerTable list={ch.consumer_details} withQueue />
      </Card>
    </>
  )
}
