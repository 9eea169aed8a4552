/** One queue: its state and diagnosis, its messages, and the operations on it. */
import { change, path } from '../api.ts'
import { bytes, count, duration, growth, plural, rate, when } from '../format.ts'
import { levels, noteAll, samplesQuery } from '../history.ts'
import { usePoll } from '../poll.ts'
import { go, to, usePlace } from '../router.ts'
import { type Binding, type Queue, rateOf } from '../types.ts'
import {
  Badge,
  Card,
  ConnectionLink,
  Facts,
  Failure,
  Figure,
  Heading,
  Loading,
  Name,
  ObjectBadges,
  PolicyBadge,
  TableValue,
  Tabs,
} from '../ui/basic.tsx'
import { Chart } from '../ui/chart.tsx'
import { AskButton } from '../ui/dialog.tsx'
import { RateChart } from '../ui/rate-chart.tsx'
import { Bindings } from './bindings.tsx'
import { ConsumerTable } from './consumers.tsx'
import { DiagnosisCard } from './diagnosis.tsx'
import { LiveTail } from './live.tsx'
import { Messages } from './messages.tsx'
import { RangeChoice, useRange } from './overview.tsx'
import { Publish } from './publish.tsx'
import { Redrive } from './redrive.tsx'
import { DELIVERIES } from './stats.ts'

const ASKED_POLL_MS = 1000

export function OneQueue({ vhost, name }: { vhost: string; name: string }) {
  const range = useRange()
  const tab = usePlace().query.get('tab') ?? 'state'
  const target = `queues/${path(vhost, name)}`
  const { data: q, error, at } = usePoll<Queue>(`${target}?${samplesQuery(range, 'lengths', 'msg_rates')}`)
  const bindings = usePoll<readonly Binding[]>(`${target}/bindings`)
  if (q === undefined) return error === undefined ? <Loading /> : <Gone error={error} />
  const stats = { ...(q as unknown as Queue['message_stats']), ...q.message_stats }
  noteAll(target, stats, at)
  const tabs = [
    ['state', 'State'],
    ['messages', 'Messages'],
    ['publish', 'Publish'],
    ['bindings', `Bindings ${bindings.data === undefined ? '' : `(${bindings.data.length})`}`],
    ['consumers', `Consumers (${q.consumers})`],
    ['live', 'Live'],
  ] as const
  return (
    <>
      <Heading title={<Name of={name} />} crumbs={[['Queues', to(['queues'])]]}>
        <Purge queue={q} target={target} />
        <Delete queue={q} target={target} bindings={bindings.data} />
      </Heading>
      <ObjectBadges of={q} own={q.exclusive ? <Badge>exclusive</Badge> : null}>
        {q.operator_policy === null ? null : <PolicyBadge kind="operator policy" name={q.operator_policy} />}
      </ObjectBadges>
      <Failure error={error} />
      <DiagnosisCard target={target} />
      <QueueFigures of={q} />
      <Tabs names={tabs} chosen={tab} href={(key) => to(['queues', vhost, name], { tab: key })} />
      {tab === 'state' ? <State of={q} target={target} at={at} range={range} stats={stats} /> : null}
      {tab === 'messages' ? (
        <>
          <Messages queue={q} target={target} />
          <Redrive queue={q} target={target} />
        </>
      ) : null}
      {tab === 'publish' ? <Publish vhost={vhost} exchange="" routingKey={name} fixed /> : null}
      {tab === 'bindings' ? (
        <Bindings vhost={vhost} list={bindings.data} error={bindings.error} destination={name} />
      ) : null}
      {tab === 'consumers' ? (
        <Card title="Consumers">
          <ConsumerTable list={q.consumer_details} />
        </Card>
      ) : null}
      {tab === 'live' ? <LiveTail vhost={vhost} target={`${target}/tail`} what={`queue ${name}`} /> : null}
    </>
  )
}

function Gone({ error }: { error: unknown }) {
  return (
    <>
      <Heading title="Queue" crumbs={[['Queues', to(['queues'])]]} />
      <Failure error={error} />
      <p class="empty">
        There may be no such queue any more. <a href={to(['queues'])}>All queues</a>
      </p>
    </>
  )
}

function QueueFigures({ of: q }: { of: Queue }) {
  const m = q.message_stats
  const details = q as unknown as Queue['message_stats']
  return (
    <div class="figures">
      <Figure
        label="Ready"
        value={count(q.messages_ready)}
        note={growth(rateOf(details, 'messages_ready'))}
      />
      <Figure
        label="Unacked"
        value={count(q.messages_unacknowledged)}
        note={growth(rateOf(details, 'messages_unacknowledged'))}
      />
      <Figure label="Published" value={rate(rateOf(m, 'publish'))} />
      <Figure label="Delivered" value={rate(rateOf(m, 'deliver_get'))} />
      <Figure label="Acknowledged" value={rate(rateOf(m, 'ack'))} />
      <Figure
        label="Consumers"
        value={q.consumers}
        tone={q.consumers === 0 && q.messages > 0 ? 'warn' : undefined}
      />
      <Figure
        label="First message"
        value={q.head_message_age === null ? '–' : duration(q.head_message_age)}
        note={q.head_message_age === null ? undefined : 'old'}
      />
      <Figure label="Size" value={bytes(q.message_bytes)} note={`${bytes(q.memory)} in memory`} />
    </div>
  )
}

interface StateProps {
  of: Queue
  target: string
  at: number
  range: number
  stats: Queue['message_stats']
}

function State({ of: q, target, at, range, stats }: StateProps) {
  const axis = { span: range * 1000, until: at }
  return (
    <>
      <div class="row-end">
        <RangeChoice />
      </div>
      <div class="charts">
        <Chart
          title="Messages in the queue"
          format={count}
          {...axis}
          series={[
            { name: 'ready', colour: 1, points: levels(target, 'messages_ready', stats) },
            { name: 'unacked', colour: 5, points: levels(target, 'messages_unacknowledged', stats) },
          ]}
        />
        <RateChart
          target={target}
          stats={stats}
          {...axis}
          lines={[
            ['published', 'publish'],
            ['delivered', ...DELIVERIES],
            ['acknowledged', 'ack'],
            ['redelivered', 'redeliver'],
          ]}
        />
      </div>
      <Card title="Settings">
        <Facts
          of={[
            ['Arguments', <TableValue key="a" of={q.arguments} />],
            ['From policies', <TableValue key="p" of={q.effective_policy_definition} />],
            ['Idle since', q.idle_since === null ? 'busy' : when(Date.parse(q.idle_since))],
            ...(q.owner_pid_details
              ? ([['Belongs to', <ConnectionLink key="o" name={q.owner_pid_details.name} />]] as const)
              : []),
            ...(q.single_active_consumer_tag
              ? ([['Active consumer', <Name key="s" of={q.single_active_consumer_tag} />]] as const)
              : []),
          ]}
        />
      </Card>
    </>
  )
}

interface Seen {
  seen: Queue
  target: string
}

/** The current numbers of the queue, polled while a confirmation dialog is open. */
function useNow({ seen, target }: Seen): Queue {
  return usePoll<Queue>(target, ASKED_POLL_MS).data ?? seen
}

function PurgeText(of: Seen) {
  const q = useNow(of)
  return (
    <p>
      {plural(q.messages_ready, 'ready message')} of the queue <Name of={q.name} /> in <Name of={q.vhost} />{' '}
      will be destroyed for good.
      {q.messages_unacknowledged > 0
        ? ` ${plural(q.messages_unacknowledged, 'message')} that consumers hold will stay.`
        : ''}
    </p>
  )
}

function DeleteText({ bound, ...of }: Seen & { bound: number }) {
  const q = useNow(of)
  return (
    <p>
      The queue <Name of={q.name} /> in <Name of={q.vhost} /> will be destroyed with{' '}
      {plural(q.messages, 'message')}
      {bound > 0 ? `, ${plural(bound, 'binding')}` : ''}
      {q.consumers > 0 ? ` and ${plural(q.consumers, 'consumer')}` : ''}.
      {q.consumers > 0 ? ' Its consumers are told.' : ''}
    </p>
  )
}

function Purge({ queue: q, target }: { queue: Queue; target: string }) {
  return (
    <AskButton
      kind=""
      title={`Purge ${q.name}?`}
      text={<PurgeText seen={q} target={target} />}
      verb="Purge"
      run={() => change('DELETE', `${target}/contents`)}
      done={`${q.name} is purged.`}
    >
      Purge
    </AskButton>
  )
}

interface DeleteProps {
  queue: Queue
  target: string
  bindings: readonly Binding[] | undefined
}

function Delete({ queue: q, target, bindings }: DeleteProps) {
  const bound = bindings?.filter((b) => b.source !== '').length ?? 0
  return (
    <AskButton
      title={`Delete ${q.name}?`}
      text={<DeleteText seen={q} target={target} bound={bound} />}
      verb="Delete queue"
      run={() => change('DELETE', target)}
      done={`${q.name} is deleted.`}
      after={() => go(['queues'])}
    >
      Delete
    </AskButton>
  )
}
