/** Virtual hosts. */
import { useState } from 'preact/hooks'
import { change, may, path } from '../api.ts'
import { count, rate, visible } from '../format.ts'
import { usePoll } from '../poll.ts'
import { to } from '../router.ts'
import { rateOf, type Vhost } from '../types.ts'
import { Badge, Card, Heading, Name } from '../ui/basic.tsx'
import { say } from '../ui/dialog.tsx'
import { Choice, Field, Form } from '../ui/form.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'
import { removeVhost } from './vhost.tsx'

const columns: readonly Column<Vhost>[] = [
  {
    key: 'name',
    title: 'Name',
    sort: (v) => v.name,
    render: (v) => (
      <a href={to(['vhosts', v.name])}>
        <Name of={v.name} />
      </a>
    ),
  },
  {
    key: 'description',
    title: 'Description',
    sort: (v) => v.description,
    hide: 'tablet',
    render: (v) => (
      <>
        {visible(v.description)} {v.tracing ? <Badge kind="warn">traced</Badge> : null}
        {v.protected_from_deletion ? <Badge kind="info">protected</Badge> : null}
      </>
    ),
  },
  {
    key: 'ready',
    title: 'Ready',
    sort: (v) => v.messages_ready,
    numeric: true,
    width: '7rem',
    render: (v) => count(v.messages_ready),
  },
  {
    key: 'unacked',
    title: 'Unacked',
    sort: (v) => v.messages_unacknowledged,
    numeric: true,
    width: '7rem',
    hide: 'phone',
    render: (v) => count(v.messages_unacknowledged),
  },
  {
    key: 'in',
    title: 'In',
    sort: (v) => rateOf(v.message_stats, 'publish'),
    numeric: true,
    width: '6rem',
    hide: 'phone',
    render: (v) => rate(rateOf(v.message_stats, 'publish')),
  },
  {
    key: 'actions',
    title: '',
    width: '6.5rem',
    render: (v) =>
      may('administrator') ? (
        <button type="button" class="button small danger" onClick={() => removeVhost(v)}>
          Delete
        </button>
      ) : null,
  },
]

export function Vhosts() {
  const order = useOrder()
  const { data, error } = usePoll<readonly Vhost[]>('vhosts')
  const rows = useLocalRows(data, columns, order, (v) => `${v.name} ${v.description}`, error)
  return (
    <>
      <Heading title="Virtual hosts" />
      <div class="tools">
        <Filter label="Filter virtual hosts" />
        <Count rows={rows} what="virtual hosts" />
      </div>
      <Grid
        low
        label="Virtual hosts"
        columns={columns}
        rows={rows}
        order={order}
        id={(v) => v.name}
        empty="There are none."
      />
      {may('administrator') ? <AddVhost /> : null}
    </>
  )
}

function AddVhost() {
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const [type, setType] = useState('')
  const add = async (): Promise<void> => {
    await change('PUT', `vhosts/${path(name)}`, {
      description,
      ...(type === '' ? {} : { default_queue_type: type }),
    })
    say(`Virtual host ${name} is there. Users need permissions in it.`)
    setName('')
    setDescription('')
  }
  return (
    <Card title="Add a virtual host">
      <Form submit="Add virtual host" run={add}>
        <Field label="Name" value={name} change={setName} required />
        <Field label="Description" value={description} change={setDescription} />
        <Choice
          label="Default queue type"
          value={type}
          change={setType}
          of={[
            ['', 'as the broker has it'],
            ['classic', 'classic'],
            ['quorum', 'quorum'],
            ['stream', 'stream'],
          ]}
        />
      </Form>
    </Card>
  )
}
