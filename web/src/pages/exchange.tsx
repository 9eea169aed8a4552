/** One exchange: its bindings, where a message would be routed, and publishing to it. */
import { change, path } from '../api.ts'
import { plural, rate } from '../format.ts'
import { noteAll, samplesQuery } from '../history.ts'
import { usePoll } from '../poll.ts'
import { go, to, usePlace } from '../router.ts'
import { type Binding, type Exchange, rateOf } from '../types.ts'
import {
  Badge,
  Card,
  exchangeName,
  Facts,
  Failure,
  Figure,
  Heading,
  Loading,
  Name,
  ObjectBadges,
  TableValue,
  Tabs,
} from '../ui/basic.tsx'
import { AskButton } from '../ui/dialog.tsx'
import { RateChart } from '../ui/rate-chart.tsx'
import { Bindings } from './bindings.tsx'
import { LiveTail } from './live.tsx'
import { RangeChoice, useRange } from './overview.tsx'
import { Publish } from './publish.tsx'
import { RoutingTester } from './routing.tsx'

export function OneExchange({ vhost, name: inPath }: { vhost: string; name: string }) {
  const range = useRange()
  const tab = usePlace().query.get('tab') ?? 'routing'
  const name = inPath === 'amq.default' ? '' : inPath
  const target = `exchanges/${path(vhost, inPath)}`
  const { data: x, error, at } = usePoll<Exchange>(`${target}?${samplesQuery(range, 'msg_rates')}`)
  const from = usePoll<readonly Binding[]>(name === '' ? undefined : `${target}/bindings/source`)
  if (x === undefined) return error === undefined ? <Loading /> : <Failure error={error} />
  noteAll(target, x.message_stats, at)
  const axis = { span: range * 1000, until: at }
  const tabs = [
    ['routing', 'Where would it go?'],
    ...(name === '' ? [] : ([['bindings', `Bindings (${from.data?.length ?? '…'})`]] as const)),
    ['publish', 'Publish'],
    ['state', 'State'],
    ['live', 'Live'],
  ] as const
  return (
    <>
      <Heading
        title={name === '' ? '(default exchange)' : <Name of={name} />}
        crumbs={[['Exchanges', to(['exchanges'])]]}
      >
        {name === '' || name.startsWith('amq.') ? null : (
          <Delete exchange={x} target={target} bindings={from.data} />
        )}
      </Heading>
      <ObjectBadges of={x} own={x.internal ? <Badge>internal</Badge> : null} />
      <div class="figures">
        <Figure label="In" value={rate(rateOf(x.message_stats, 'publish_in'))} />
        <Figure label="Out" value={rate(rateOf(x.message_stats, 'publish_out'))} note="copies to queues" />
      </div>
      <Tabs names={tabs} chosen={tab} href={(key) => to(['exchanges', vhost, inPath], { tab: key })} />
      {tab === 'routing' ? <RoutingTester vhost={vhost} exchange={exchangeName(name)} type={x.type} /> : null}
      {tab === 'bindings' ? (
        <Bindings vhost={vhost} list={from.data} error={from.error} source={name} />
      ) : null}
      {tab === 'publish' ? <Publish vhost={vhost} exchange={name} /> : null}
      {tab === 'live' ? (
        <LiveTail vhost={vhost} target={`${target}/tail`} what={`exchange ${inPath}`} withKey />
      ) : null}
      {tab === 'state' ? (
        <>
          <div class="row-end">
            <RangeChoice />
          </div>
          <div class="charts">
            <RateChart
              target={target}
              stats={x.message_stats}
              {...axis}
              lines={[
                ['in', 'publish_in'],
                ['out', 'publish_out'],
              ]}
            />
          </div>
          <Card title="Settings">
            <Facts of={[['Arguments', <TableValue key="a" of={x.arguments} />]]} />
          </Card>
        </>
      ) : null}
    </>
  )
}

interface DeleteProps {
  exchange: Exchange
  target: string
  bindings: readonly Binding[] | undefined
}

function Delete({ exchange: x, target, bindings }: DeleteProps) {
  return (
    <AskButton
      title={`Delete ${x.name}?`}
      text={
        <p>
          The exchange <Name of={x.name} /> in <Name of={x.vhost} /> will be destroyed with{' '}
          {plural(bindings?.length ?? 0, 'binding')} from it, and those to it. Who publishes to it afterwards
          gets an error.
        </p>
      }
      verb="Delete exchange"
      run={() => change('DELETE', target)}
      done={`${x.name} is deleted.`}
      after={() => go(['exchanges'])}
    >
      Delete
    </AskButton>
  )
}
