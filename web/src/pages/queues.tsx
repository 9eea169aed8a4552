/** All queues, however many. */
import { useState } from 'preact/hooks'
import { change, enc, path } from '../api.ts'
import { bytes, count, growth, rate } from '../format.ts'
import { go, usePlace } from '../router.ts'
import { type Queue, rateOf } from '../types.ts'
import { Badge, Card, Name, QueueLink } from '../ui/basic.tsx'
import { ConnectHelp } from '../ui/connect-help.tsx'
import { say } from '../ui/dialog.tsx'
import { Check, Choice, Field, Form, JsonField, jsonObject } from '../ui/form.tsx'
import { type Column, useOrder } from '../ui/grid.tsx'
import { ObjectList } from '../ui/object-list.tsx'
import { useRemoteRows } from '../ui/remote.ts'
import { useVhostField } from '../ui/vhost-choice.tsx'

const columns: readonly Column<Queue>[] = [
  {
    key: 'name',
    title: 'Name',
    sort: 'name',
    render: (q) => <QueueLink vhost={q.vhost} name={q.name} />,
  },
  {
    key: 'vhost',
    title: 'Vhost',
    sort: 'vhost',
    width: '7rem',
    hide: 'tablet',
    render: (q) => <Name of={q.vhost} />,
  },
  {
    key: 'type',
    title: 'Type',
    sort: 'type',
    width: '8rem',
    hide: 'tablet',
    render: (q) => (
      <>
        <Badge>{q.type}</Badge>
        {q.exclusive ? <Badge title="of one connection">excl</Badge> : null}
      </>
    ),
  },
  {
    key: 'ready',
    title: 'Ready',
    sort: 'messages_ready',
    numeric: true,
    width: '6.5rem',
    render: (q) => count(q.messages_ready),
  },
  {
    key: 'unacked',
    title: 'Unacked',
    sort: 'messages_unacknowledged',
    numeric: true,
    width: '6.5rem',
    hide: 'phone',
    render: (q) => count(q.messages_unacknowledged),
  },
  {
    key: 'growth',
    title: 'Growth',
    sort: 'messages_details.rate',
    numeric: true,
    width: '6.5rem',
    render: (q) => {
      const g = q.messages_details?.rate ?? 0
      return g === 0 ? '' : <span class={g > 0 ? 'up' : 'down'}>{growth(g)}</span>
    },
  },
  {
    key: 'in',
    title: 'In',
    sort: 'message_stats.publish_details.rate',
    numeric: true,
    width: '5.5rem',
    hide: 'phone',
    render: (q) => rate(rateOf(q.message_stats, 'publish')),
  },
  {
    key: 'out',
    title: 'Out',
    sort: 'message_stats.deliver_get_details.rate',
    numeric: true,
    width: '5.5rem',
    hide: 'phone',
    render: (q) => rate(rateOf(q.message_stats, 'deliver_get')),
  },
  {
    key: 'consumers',
    title: 'Consumers',
    sort: 'consumers',
    numeric: true,
    width: '7.5rem',
    hide: 'phone',
    render: (q) => (q.consumers === 0 && q.messages > 0 ? <Badge kind="warn">none</Badge> : q.consumers),
  },
  {
    key: 'bytes',
    title: 'Size',
    sort: 'message_bytes',
    numeric: true,
    width: '6rem',
    hide: 'tablet',
    render: (q) => bytes(q.message_bytes),
  },
]
const needed = [
  'name',
  'vhost',
  'type',
  'exclusive',
  'messages',
  'messages_ready',
  'messages_unacknowledged',
  'messages_details',
  'message_stats.publish_details',
  'message_stats.deliver_get_details',
  'consumers',
  'message_bytes',
]

export function Queues() {
  const { query } = usePlace()
  const vhost = query.get('vhost') ?? ''
  const order = useOrder()
  const rows = useRemoteRows<Queue>(vhost === '' ? 'queues' : `queues/${enc(vhost)}`, columns, order, needed)
  return (
    <ObjectList
      title="Queues"
      one="queue"
      vhost={vhost}
      form={<AddQueue vhost={vhost} />}
      columns={columns}
      rows={rows}
      order={order}
      empty={<ConnectHelp />}
    />
  )
}

function AddQueue({ vhost: first }: { vhost: string }) {
  const [target, vhostField] = useVhostField(first)
  const [name, setName] = useState('')
  const [type, setType] = useState('')
  const [durable, setDurable] = useState(true)
  const [args, setArgs] = useState('')
  const add = async (): Promise<void> => {
    const body = {
      durable,
      arguments: { ...(type === '' ? {} : { 'x-queue-type': type }), ...jsonObject(args, 'Arguments') },
    }
    await change('PUT', `queues/${path(target, name)}`, body)
    say(`Queue ${name} is there.`)
    go(['queues', target, name])
  }
  return (
    <Card title="Add queue">
      <Form submit="Add queue" run={add}>
        <Field label="Name" value={name} change={setName} required autoFocus />
        {vhostField}
        <Choice
          label="Type"
          value={type}
          change={setType}
          of={[
            ['', "the virtual host's default"],
            ['classic', 'classic'],
            ['quorum', 'quorum'],
            ['stream', 'stream'],
          ]}
        />
        <Check label="Durable: it outlives a restart" value={durable} change={setDurable} />
        <JsonField
          label="Arguments"
          value={args}
          change={setArgs}
          rows={3}
          example={'{"x-message-ttl": 60000, "x-dead-letter-exchange": "dead"}'}
        />
      </Form>
    </Card>
  )
}
