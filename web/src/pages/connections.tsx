/** The connections, with their users and client libraries. */
import { change, path } from '../api.ts'
import { bytes, count, plural, visible, when } from '../format.ts'
import { noteAll, rates, samplesQuery } from '../history.ts'
import { usePoll } from '../poll.ts'
import { go, to } from '../router.ts'
import type { Channel, Connection, Table } from '../types.ts'
import { Badge, Card, Facts, Failure, Heading, Loading, Name, TableValue } from '../ui/basic.tsx'
import { Chart } from '../ui/chart.tsx'
import { AskButton } from '../ui/dialog.tsx'
import { type Column, Count, Filter, Grid, useOrder } from '../ui/grid.tsx'
import { useRemoteRows } from '../ui/remote.ts'
import { ChannelTable } from './channels.tsx'
import { RangeChoice, useRange } from './overview.tsx'

function text(of: Table, name: string): string {
  const v = of[name]
  return typeof v === 'string' ? visible(v) : ''
}

/** `pika 1.3.2`, `amqplib 0.10.8` */
export function clientOf({ client_properties: p }: Connection): string {
  return `${text(p, 'product')} ${text(p, 'version')}`.trim() || 'unknown'
}

const perSecond = (n: number | undefined): string => `${bytes(n ?? 0)}/s`

const columns: readonly Column<Connection>[] = [
  {
    key: 'name',
    title: 'Name',
    sort: 'name',
    render: (c) => (
      <a href={to(['connections', c.name])}>
        <Name of={c.user_provided_name ?? c.name} />
      </a>
    ),
  },
  {
    key: 'client',
    title: 'Client',
    sort: 'client_properties.product',
    width: 'min(15rem, 50vw)',
    render: (c) => clientOf(c),
  },
  { key: 'user', title: 'User', sort: 'user', width: '7rem', hide: 'phone', render: (c) => visible(c.user) },
  {
    key: 'vhost',
    title: 'Vhost',
    sort: 'vhost',
    width: '7rem',
    hide: 'tablet',
    render: (c) => <Name of={c.vhost} />,
  },
  {
    key: 'state',
    title: 'State',
    sort: 'state',
    width: '7rem',
    hide: 'tablet',
    render: (c) => <Badge kind={c.state === 'running' ? 'good' : 'warn'}>{c.state}</Badge>,
  },
  {
    key: 'channels',
    title: 'Channels',
    sort: 'channels',
    numeric: true,
    width: '7rem',
    hide: 'phone',
    render: (c) => c.channels,
  },
  {
    key: 'in',
    title: 'From client',
    sort: 'recv_oct_details.rate',
    numeric: true,
    width: '7.6rem',
    hide: 'tablet',
    render: (c) => perSecond(c.recv_oct_details?.rate),
  },
  {
    key: 'out',
    title: 'To client',
    sort: 'send_oct_details.rate',
    numeric: true,
    width: '7.6rem',
    hide: 'tablet',
    render: (c) => perSecond(c.send_oct_details?.rate),
  },
]

export function Connections() {
  const order = useOrder()
  const rows = useRemoteRows<Connection>('connections', columns, order)
  return (
    <>
      <Heading title="Connections" />
      <div class="tools">
        <Filter label="Filter by address" regex />
        <Count rows={rows} what="connections" />
      </div>
      <Grid
        label="Connections"
        columns={columns}
        rows={rows}
        order={order}
        id={(c) => c.name}
        empty="Nobody is connected."
      />
    </>
  )
}

export function OneConnection({ name }: { name: string }) {
  const range = useRange()
  const target = `connections/${path(name)}`
  const { data: c, error, at } = usePoll<Connection>(`${target}?${samplesQuery(range, 'data_rates')}`)
  const channels = usePoll<readonly Channel[]>(`${target}/channels`)
  if (c === undefined)
    return error === undefined ? (
      <Loading />
    ) : (
      <>
        <Heading title="Connection" crumbs={[['Connections', to(['connections'])]]} />
        <Failure error={error} />
        <p class="empty">It may have been closed.</p>
      </>
    )
  const stats = c as unknown as Channel['message_stats']
  noteAll(target, stats, at)
  const p = c.client_properties
  return (
    <>
      <Heading
        title={<Name of={c.user_provided_name ?? c.name} />}
        crumbs={[['Connections', to(['connections'])]]}
      >
        <Close connection={c} target={target} />
      </Heading>
      <p class="badges">
        <Badge kind={c.state === 'running' ? 'good' : 'warn'}>{c.state}</Badge>
        <Badge>
          <Name of={c.vhost} />
        </Badge>
        <Badge>user {visible(c.user)}</Badge>
        {c.ssl ? <Badge kind="good">TLS</Badge> : <Badge>no TLS</Badge>}
      </p>
      <Failure error={error} />
      <Card title="Client">
        <Facts
          of={[
            ['Client', clientOf(c)],
            ['Platform', text(p, 'platform') || '–'],
            ['From', `${c.peer_host}:${c.peer_port}`],
            ['To', `${c.host}:${c.port}`],
            ['Connected', when(c.connected_at)],
            ['Login', c.auth_mechanism],
            ['Heartbeat', c.timeout === 0 ? 'none' : `${c.timeout} s`],
            ['Largest frame', c.frame_max === 0 ? 'no limit' : bytes(c.frame_max)],
            ['Received', bytes(c.recv_oct)],
            ['Sent', bytes(c.send_oct)],
          ]}
        />
        <details>
          <summary>All that the client says about itself</summary>
          <TableValue of={p} />
        </details>
      </Card>
      <div class="row-end">
        <RangeChoice />
      </div>
      <div class="charts">
        <Chart
          title="Octets a second"
          format={(v) => perSecond(v)}
          binary
          span={range * 1000}
          until={at}
          least={1024}
          series={[
            { name: 'from client', colour: 1, points: rates(target, 'recv_oct', stats) },
            { name: 'to client', colour: 2, points: rates(target, 'send_oct', stats) },
          ]}
        />
      </div>
      <Card title={`Channels (${count(channels.data?.length)})`}>
        <ChannelTable list={channels.data} />
      </Card>
    </>
  )
}

function Close({ connection: c, target }: { connection: Connection; target: string }) {
  return (
    <AskButton
      title="Close this connection?"
      text={
        <p>
          The client {clientOf(c)} of user {visible(c.user)} at {c.peer_host} loses its connection with{' '}
          {plural(c.channels, 'channel')}. What its consumers have not acknowledged goes back to the queues,
          and its exclusive queues are destroyed. It may connect again.
        </p>
      }
      verb="Close connection"
      run={() => change('DELETE', target, undefined, { 'x-reason': 'Closed by an operator' })}
      done="The connection is closed."
      after={() => go(['connections'])}
    >
      Close
    </AskButton>
  )
}
