/** The nodes of a cluster: which one runs the broker, and how far the other nodes are behind. */
import { change, may, path } from '../api.ts'
import { bytes, count, duration } from '../format.ts'
import { usePoll } from '../poll.ts'
import { Badge, Card, Facts, Failure, Heading, Loading, Name } from '../ui/basic.tsx'
import { ask } from '../ui/dialog.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'

interface ClusterNode {
  readonly name: string
  readonly state: string
  readonly active: boolean
  readonly running: boolean
  readonly host: string
  readonly version: string
  readonly lag_records: number
  readonly lag_seconds: number
}

export interface Cluster {
  readonly cluster: string
  readonly node: string
  readonly active: string
  readonly epoch: number
  readonly takeovers: number
  readonly problem: string
  readonly nodes: readonly ClusterNode[]
  readonly log: { first: number; last: number; bytes: number; limit: number }
  readonly engine: { connected: boolean; leader: string; round_trip_ms: number }
}

function roleOf(n: ClusterNode): string {
  return n.active ? 'active' : n.running ? 'standby' : 'away'
}

const columns: readonly Column<ClusterNode>[] = [
  { key: 'name', title: 'Node', sort: (n) => n.name, render: (n) => <Name of={n.name} /> },
  {
    key: 'role',
    title: 'Role',
    sort: roleOf,
    width: '6.2rem',
    render: (n) => <Badge kind={n.active ? 'good' : n.running ? 'plain' : 'bad'}>{roleOf(n)}</Badge>,
  },
  {
    key: 'state',
    title: 'State',
    width: '9rem',
    hide: 'phone',
    sort: (n) => n.state,
    render: (n) => <Badge kind={n.running ? 'plain' : 'bad'}>{n.state}</Badge>,
  },
  {
    key: 'lag',
    title: 'Behind',
    numeric: true,
    width: 'min(11rem, 24vw)',
    sort: (n) => n.lag_records,
    render: (n) => (n.lag_records === 0 ? 'nothing' : `${count(n.lag_records)} (${duration(n.lag_seconds)})`),
  },
  {
    key: 'version',
    title: 'Version',
    sort: (n) => n.version,
    width: '8rem',
    hide: 'phone',
    render: (n) => n.version,
  },
  {
    key: 'actions',
    title: '',
    width: '6.8rem',
    render: (n) =>
      !may('administrator') || n.active ? null : n.running ? (
        <button type="button" class="button small" onClick={() => promote(n)}>
          Promote
        </button>
      ) : (
        <button type="button" class="button small danger" onClick={() => forget(n)}>
          Forget
        </button>
      ),
  },
]

function promote(n: ClusterNode): void {
  ask({
    title: `Promote ${n.name}?`,
    text: (
      <p>
        <Name of={n.name} /> takes the broker over from the active node. All clients lose their connections
        and come back to it; messages that were not acknowledged are delivered again.
        {n.lag_records > 0 ? ` It is ${count(n.lag_records)} batches behind and takes them first.` : ''}
      </p>
    ),
    verb: 'Promote',
    run: () => change('POST', `cluster/promote/${path(n.name)}`),
    done: `${n.name} takes over.`,
  })
}

function forget(n: ClusterNode): void {
  ask({
    title: `Forget ${n.name}?`,
    text: (
      <p>
        <Name of={n.name} /> is away and will not be waited for any more. If it comes back, it has to join
        anew.
      </p>
    ),
    verb: 'Forget',
    run: () => change('DELETE', `cluster/nodes/${path(n.name)}`),
    done: `${n.name} is forgotten.`,
  })
}

export function ClusterPage() {
  const order = useOrder()
  const { data, error } = usePoll<Cluster>('cluster/status')
  const rows = useLocalRows(data?.nodes, columns, order, (n) => `${n.name} ${n.state}`, error)
  if (data === undefined) return error === undefined ? <Loading /> : <Failure error={error} />
  return (
    <>
      <Heading title="Cluster" />
      {data.problem === '' ? null : <p class="alarm">{data.problem}</p>}
      <div class="tools">
        <Filter label="Filter by name or state" />
        <Count rows={rows} what="nodes" />
      </div>
      <Grid
        low
        label="Nodes"
        columns={columns}
        rows={rows}
        order={order}
        id={(n) => n.name}
        empty="One node, alone."
      />
      {data.cluster === '' ? <p class="empty">This broker is not one of a cluster.</p> : <Log of={data} />}
    </>
  )
}

function Log({ of: data }: { of: Cluster }) {
  const { log, engine } = data
  return (
    <Card title="Log">
      <Facts
        of={[
          ['Cluster', data.cluster || '–'],
          ['Active', data.active || 'none'],
          ['Epoch', count(data.epoch)],
          ['Takeovers', count(data.takeovers)],
          ['Batches', `${count(log.first)} to ${count(log.last)}`],
          ['Size', log.limit > 0 ? `${bytes(log.bytes)} of ${bytes(log.limit)}` : bytes(log.bytes)],
          [
            'Engine',
            engine.connected
              ? `connected${engine.leader === '' ? '' : `, leader ${engine.leader}`}`
              : 'not connected',
          ],
          ['Round trip', `${engine.round_trip_ms.toFixed(1)} ms`],
        ]}
      />
    </Card>
  )
}
