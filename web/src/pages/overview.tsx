/** The broker at a glance: rates, queue lengths, memory and disk, and growing queues. */
import { enc, may, session } from '../api.ts'
import { bytes, compact, count, duration, growth, ms, plural, rate } from '../format.ts'
import { levels, note, noteAll, RANGES, samplesQuery } from '../history.ts'
import { type Polled, usePoll } from '../poll.ts'
import { setQuery, to, usePlace } from '../router.ts'
import { countOf, type Node, type Overview, type Page, type Queue, rateOf } from '../types.ts'
import { Card, Failure, Figure, Heading, Loading, Name, QueueLink } from '../ui/basic.tsx'
import { Chart, type Point } from '../ui/chart.tsx'
import { ConnectHelp } from '../ui/connect-help.tsx'
import { RateChart } from '../ui/rate-chart.tsx'
import { DELIVERIES } from './stats.ts'

export function useRange(): number {
  const asked = usePlace().query.get('range')
  return Number(RANGES.find(([s]) => s === asked)?.[0] ?? 600)
}

export function RangeChoice() {
  const range = useRange()
  return (
    <fieldset class="segments" aria-label="How far back charts go">
      {RANGES.map(([seconds, label]) => (
        <button
          type="button"
          key={seconds}
          aria-pressed={range === Number(seconds)}
          onClick={() => setQuery({ range: seconds })}
        >
          {label}
        </button>
      ))}
    </fieldset>
  )
}

export function OverviewPage() {
  const range = useRange()
  const overview = usePoll<Overview>(`overview?${samplesQuery(range, 'lengths', 'msg_rates')}`)
  const nodes = usePoll<readonly Node[]>(
    may('monitoring') ? `nodes?${samplesQuery(range, 'node_stats')}` : undefined,
  )
  const { data, error, at } = overview
  if (data === undefined) return error === undefined ? <Loading /> : <Failure error={error} />
  noteAll('broker', data.queue_totals, at)
  noteAll('broker', data.message_stats, at)
  noteAll('broker', data.object_totals, at)
  const node = nodes.data?.[0]
  const quiet = data.object_totals.queues === 0 && data.object_totals.connections === 0
  return (
    <>
      <Heading title={<bdi>{data.cluster_name}</bdi>}>
        <RangeChoice />
      </Heading>
      <Alarms of={node} />
      <Figures of={data} node={node} />
      {quiet ? <ConnectHelp overview={data} /> : <Growing />}
      <Charts of={data} at={at} range={range} nodes={nodes} />
      <p class="muted small">
        Leveret {data.leveret_version}
        {node === undefined ? '' : `, up for ${duration(node.uptime / 1000)}`}, which tells clients that it is
        RabbitMQ {data.rabbitmq_version}. Listens on{' '}
        {data.listeners.map((l) => `${l.port} (${l.protocol})`).join(', ')}. Logged in as{' '}
        <bdi>{session.get()?.name}</bdi>.
      </p>
    </>
  )
}

function Alarms({ of }: { of: Node | undefined }) {
  if (of === undefined) return null
  const said = [
    of.mem_alarm && `Memory is above its limit of ${bytes(of.mem_limit)}: publishers wait, consumers go on.`,
    of.disk_free_alarm &&
      `Free disk is below its limit of ${bytes(of.disk_free_limit)}: publishers wait, consumers go on.`,
    of.store_damaged > 0 &&
      `${plural(of.store_damaged, 'value')} of the data folder are damaged: see the log.`,
  ].filter((s) => s !== false)
  return said.length === 0 ? null : (
    <div class="alarm" role="alert">
      {said.map((s) => (
        <p key={s}>{s}</p>
      ))}
    </div>
  )
}

function Figures({ of, node }: { of: Overview; node: Node | undefined }) {
  const { queue_totals: q, message_stats: m, object_totals: o } = of
  return (
    <div class="figures">
      <Figure
        label="Ready"
        value={count(countOf(q, 'messages_ready'))}
        note={growth(rateOf(q, 'messages_ready'))}
      />
      <Figure
        label="Unacked"
        value={count(countOf(q, 'messages_unacknowledged'))}
        note={growth(rateOf(q, 'messages_unacknowledged'))}
      />
      <Figure label="Published" value={rate(rateOf(m, 'publish'))} />
      <Figure label="Delivered" value={rate(rateOf(m, 'deliver_get'))} />
      <Figure label={<a href={to(['connections'])}>Connections</a>} value={count(o.connections)} />
      <Figure label={<a href={to(['queues'])}>Queues</a>} value={count(o.queues)} />
      <Figure label="Consumers" value={count(o.consumers)} />
      {node === undefined ? null : (
        <Figure
          label="Memory"
          value={bytes(node.mem_used)}
          note={`of ${bytes(node.mem_limit)}`}
          tone={node.mem_alarm ? 'bad' : undefined}
        />
      )}
    </div>
  )
}

/** The queues that grow fastest, so that operators notice them without searching. */
function Growing() {
  const columns = 'name,vhost,messages,messages_details,consumers,message_stats'
  const { data } = usePoll<Page<Queue>>(
    `queues?page=1&page_size=5&sort=messages_details.rate&sort_reverse=true&columns=${enc(columns)}`,
  )
  const growing = data?.items.filter((q) => (q.messages_details?.rate ?? 0) > 0) ?? []
  return (
    <Card
      title="Growing queues"
      aside={<a href={to(['queues'], { sort: 'growth', desc: 1 })}>All queues by growth</a>}
    >
      {growing.length === 0 ? (
        <p class="muted">No queue has become longer in the last seconds.</p>
      ) : (
        <ul class="growing">
          {growing.map((q) => (
            <li key={`${q.vhost}\n${q.name}`}>
              <QueueLink vhost={q.vhost} name={q.name} />
              <span class="muted">
                <Name of={q.vhost} />
              </span>
              <span>{count(q.messages)} messages</span>
              <b class="up">{growth(q.messages_details?.rate)}</b>
              <span class="muted">{q.consumers === 0 ? 'no consumer' : plural(q.consumers, 'consumer')}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

interface ChartsProps {
  of: Overview
  at: number
  range: number
  nodes: Polled<readonly Node[]>
}

function Charts({ of, at, range, nodes }: ChartsProps) {
  const axis = { span: range * 1000, until: at }
  const { message_stats: m, queue_totals: q } = of
  return (
    <div class="charts">
      <RateChart
        target="broker"
        stats={m}
        {...axis}
        lines={[
          ['published', 'publish'],
          ['delivered', ...DELIVERIES],
          ['acknowledged', 'ack'],
          ['confirmed', 'confirm'],
          ['redelivered', 'redeliver'],
        ]}
      />
      <Chart
        title="Queued messages"
        format={compact}
        {...axis}
        series={[
          { name: 'ready', colour: 1, points: levels('broker', 'messages_ready', q) },
          { name: 'unacked', colour: 5, points: levels('broker', 'messages_unacknowledged', q) },
        ]}
      />
      <Chart
        title="Connections and channels"
        format={compact}
        {...axis}
        series={[
          { name: 'connections', colour: 1, points: connectionsOf(nodes) },
          { name: 'channels', colour: 2, points: levels('broker', 'channels') },
        ]}
      />
      <NodeCharts nodes={nodes} range={range} />
    </div>
  )
}

/** The number of connections: the node's history or, for users who may not see nodes, since this page was opened. */
function connectionsOf({ data }: Polled<readonly Node[]>): Point[] {
  const node = data?.[0]
  return node === undefined
    ? levels('broker', 'connections')
    : levels('node', 'sockets_used', node as unknown as Overview['message_stats'])
}

/** Drops zeros, which are from before the first measurement: memory use and free disk space are never 0. */
function measured(points: readonly Point[]): Point[] {
  return points.filter(([, v]) => v > 0)
}

function NodeCharts({ nodes, range }: { nodes: Polled<readonly Node[]>; range: number }) {
  const { at } = nodes
  const node = nodes.data?.[0]
  if (node === undefined) return null
  for (const name of ['mem_used', 'disk_free', 'event_loop_lag_us'] as const)
    note('node', name, node[name], at)
  const axis = { span: range * 1000, until: at }
  const stats = node as unknown as Overview['message_stats']
  return (
    <>
      <Chart
        title="Memory"
        format={bytes}
        binary
        {...axis}
        least={2 ** 27}
        series={[{ name: 'used', colour: 4, points: measured(levels('node', 'mem_used', stats)) }]}
      />
      {node.disk_free === 0 && !node.disk_free_alarm ? null : (
        // Not shown if the broker stores nothing on disk.
        <Chart
          title="Free disk"
          format={bytes}
          binary
          {...axis}
          least={2 ** 27}
          series={[{ name: 'free', colour: 3, points: measured(levels('node', 'disk_free', stats)) }]}
        />
      )}
      {node.event_loop_lag_us === undefined ? null : (
        <Chart
          title="Event loop"
          format={(us) => ms(us / 1000)}
          {...axis}
          least={10_000}
          series={[{ name: 'lag', colour: 5, points: levels('node', 'event_loop_lag_us', stats) }]}
        />
      )}
    </>
  )
}
