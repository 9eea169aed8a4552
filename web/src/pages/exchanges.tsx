/** All exchanges. */
import { useState } from 'preact/hooks'
import { change, enc, path } from '../api.ts'
import { rate } from '../format.ts'
import { usePoll } from '../poll.ts'
import { go, usePlace } from '../router.ts'
import { type Exchange, type Overview, rateOf } from '../types.ts'
import { Badge, Card, ExchangeLink, Name } from '../ui/basic.tsx'
import { say } from '../ui/dialog.tsx'
import { Check, Choice, Field, Form, JsonField, jsonObject } from '../ui/form.tsx'
import { type Column, useOrder } from '../ui/grid.tsx'
import { ObjectList } from '../ui/object-list.tsx'
import { useRemoteRows } from '../ui/remote.ts'
import { useVhostField } from '../ui/vhost-choice.tsx'

const columns: readonly Column<Exchange>[] = [
  {
    key: 'name',
    title: 'Name',
    sort: 'name',
    render: (x) => <ExchangeLink vhost={x.vhost} name={x.name} />,
  },
  {
    key: 'vhost',
    title: 'Vhost',
    sort: 'vhost',
    width: '8rem',
    hide: 'tablet',
    render: (x) => <Name of={x.vhost} />,
  },
  { key: 'type', title: 'Type', sort: 'type', width: '10rem', render: (x) => <Badge>{x.type}</Badge> },
  {
    key: 'features',
    title: 'Features',
    // Sorts by the most common feature.
    sort: 'durable',
    width: '18rem',
    hide: 'tablet',
    render: (x) => (
      <>
        {x.durable ? <Badge>durable</Badge> : null}
        {x.internal ? <Badge>internal</Badge> : null}
        {x.auto_delete ? <Badge>auto-delete</Badge> : null}
        {x.policy === null ? null : (
          <Badge kind="info">
            <Name of={x.policy} />
          </Badge>
        )}
      </>
    ),
  },
  {
    key: 'in',
    title: 'In',
    sort: 'message_stats.publish_in_details.rate',
    numeric: true,
    width: '6rem',
    render: (x) => rate(rateOf(x.message_stats, 'publish_in')),
  },
  {
    key: 'out',
    title: 'Out',
    sort: 'message_stats.publish_out_details.rate',
    numeric: true,
    width: '6rem',
    hide: 'phone',
    render: (x) => rate(rateOf(x.message_stats, 'publish_out')),
  },
]

export function Exchanges() {
  const vhost = usePlace().query.get('vhost') ?? ''
  const order = useOrder()
  const rows = useRemoteRows<Exchange>(vhost === '' ? 'exchanges' : `exchanges/${enc(vhost)}`, columns, order)
  return (
    <ObjectList
      title="Exchanges"
      one="exchange"
      vhost={vhost}
      form={<AddExchange vhost={vhost} />}
      columns={columns}
      rows={rows}
      order={order}
      empty="There are no exchanges."
    />
  )
}

function AddExchange({ vhost: first }: { vhost: string }) {
  const types = usePoll<Overview>('overview', 60_000).data?.exchange_types.map((t) => t.name) ?? ['direct']
  const [target, vhostField] = useVhostField(first)
  const [name, setName] = useState('')
  const [type, setType] = useState('direct')
  const [durable, setDurable] = useState(true)
  const [internal, setInternal] = useState(false)
  const [args, setArgs] = useState('')
  const add = async (): Promise<void> => {
    const body = { type, durable, internal, arguments: jsonObject(args, 'Arguments') }
    await change('PUT', `exchanges/${path(target, name)}`, body)
    say(`Exchange ${name} is there.`)
    go(['exchanges', target, name])
  }
  return (
    <Card title="Add exchange">
      <Form submit="Add exchange" run={add}>
        <Field label="Name" value={name} change={setName} required autoFocus />
        {vhostField}
        <Choice label="Type" value={type} change={setType} of={types.map((t) => [t, t] as const)} />
        <Check label="Durable" value={durable} change={setDurable} />
        <Check label="Internal: only other exchanges publish to it" value={internal} change={setInternal} />
        <JsonField
          label="Arguments"
          value={args}
          change={setArgs}
          rows={2}
          example={'{"alternate-exchange": "unrouted"}'}
        />
      </Form>
    </Card>
  )
}
