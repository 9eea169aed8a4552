/** Shovels, which move messages between brokers. */
import { useState } from 'preact/hooks'
import { change, isRefused, may, path } from '../api.ts'
import { visible } from '../format.ts'
import { usePoll } from '../poll.ts'
import type { Table } from '../types.ts'
import { Badge, Card, Heading, Name } from '../ui/basic.tsx'
import { ask, say } from '../ui/dialog.tsx'
import { Choice, Field, Form } from '../ui/form.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'
import { useVhostField } from '../ui/vhost-choice.tsx'

export interface Shovel extends Table {
  readonly name: string
  readonly vhost: string
  readonly type: string
  readonly state: string
}

function text(s: Shovel, ...names: readonly string[]): string {
  for (const n of names) if (typeof s[n] === 'string' && s[n] !== '') return visible(s[n])
  return ''
}

function end(s: Shovel, side: 'src' | 'dest'): string {
  const what = text(s, `${side}_queue`, `${side}_exchange`, `${side}_address`)
  const where = text(s, `${side}_uri`)
  return [what, where].filter((t) => t !== '').join(' at ')
}

const columns: readonly Column<Shovel>[] = [
  { key: 'name', title: 'Name', sort: (s) => s.name, render: (s) => <Name of={s.name} /> },
  {
    key: 'vhost',
    title: 'Vhost',
    sort: (s) => s.vhost,
    width: '7rem',
    hide: 'tablet',
    render: (s) => visible(s.vhost),
  },
  {
    key: 'state',
    title: 'State',
    sort: (s) => s.state,
    width: '8rem',
    render: (s) => (
      <Badge
        kind={s.state === 'running' ? 'good' : s.state === 'starting' ? 'info' : 'bad'}
        title={text(s, 'reason')}
      >
        {visible(s.state)}
      </Badge>
    ),
  },
  {
    key: 'from',
    title: 'From',
    sort: (s) => end(s, 'src'),
    hide: 'phone',
    render: (s) => end(s, 'src'),
  },
  {
    key: 'to',
    title: 'To',
    sort: (s) => end(s, 'dest'),
    hide: 'phone',
    render: (s) => end(s, 'dest'),
  },
  {
    key: 'actions',
    title: '',
    width: '12rem',
    render: (s) =>
      may('policymaker') ? (
        <>
          <button type="button" class="button small" onClick={() => restart(s)}>
            Restart
          </button>{' '}
          <button type="button" class="button small danger" onClick={() => remove(s)}>
            Delete
          </button>
        </>
      ) : null,
  },
]

function restart(s: Shovel): void {
  ask({
    title: `Restart ${s.name}?`,
    text: <p>It connects anew at both ends; what it has not moved for good is moved again.</p>,
    verb: 'Restart',
    run: () => change('DELETE', `shovels/vhost/${path(s.vhost, s.name)}/restart`),
    done: `${s.name} is restarted.`,
  })
}

function remove(s: Shovel): void {
  ask({
    title: `Delete ${s.name}?`,
    text: (
      <p>
        The shovel <Name of={s.name} /> in <Name of={s.vhost} /> moves nothing any more. Messages stay where
        they are.
      </p>
    ),
    verb: 'Delete shovel',
    run: () => change('DELETE', `parameters/shovel/${path(s.vhost, s.name)}`),
    done: `${s.name} is deleted.`,
  })
}

export function Shovels() {
  const order = useOrder()
  const { data, error } = usePoll<readonly Shovel[]>('shovels')
  const rows = useLocalRows(
    data,
    columns,
    order,
    (s) => `${s.name} ${end(s, 'src')} ${end(s, 'dest')}`,
    error,
  )
  return (
    <>
      <Heading title="Shovels" />
      <div class="tools">
        <Filter label="Filter shovels" />
        <Count rows={rows} what="shovels" />
      </div>
      <Grid
        low
        label="Shovels"
        columns={columns}
        rows={rows}
        order={order}
        id={(s) => `${s.vhost}\n${s.name}`}
        empty="No shovels. A shovel takes messages from a queue of one broker and publishes them to another, for as long as it is there."
      />
      {may('policymaker') && !isRefused(error) ? <AddShovel /> : null}
    </>
  )
}

const targets = [
  ['queue', 'queue'],
  ['exchange', 'exchange'],
] as const

function AddShovel() {
  const [name, setName] = useState('')
  const [srcUri, setSrcUri] = useState('amqp://')
  const [srcQueue, setSrcQueue] = useState('')
  const [destUri, setDestUri] = useState('amqp://')
  const [kind, setKind] = useState('queue')
  const [dest, setDest] = useState('')
  const [ack, setAck] = useState('on-confirm')
  const [target, vhostField] = useVhostField()
  const run = async (): Promise<void> => {
    const value = {
      'src-protocol': 'amqp091',
      'src-uri': srcUri,
      'src-queue': srcQueue,
      'dest-protocol': 'amqp091',
      'dest-uri': destUri,
      [`dest-${kind}`]: dest,
      'ack-mode': ack,
    }
    await change('PUT', `parameters/shovel/${path(target, name)}`, { value })
    say(`Shovel ${name} begins.`)
    setName('')
  }
  return (
    <Card title="Add a shovel">
      <Form submit="Add shovel" run={run}>
        <Field label="Name" value={name} change={setName} required />
        {vhostField}
        <Field
          label="From address"
          value={srcUri}
          change={setSrcUri}
          mono
          required
          hint="amqp:// is this broker"
        />
        <Field label="From queue" value={srcQueue} change={setSrcQueue} required />
        <Field label="To address" value={destUri} change={setDestUri} mono required />
        <Choice label="To" value={kind} change={setKind} of={targets} />
        <Field label="Its name there" value={dest} change={setDest} required />
        <Choice
          label="Takes a message for good"
          value={ack}
          change={setAck}
          of={[
            ['on-confirm', 'once it is confirmed'],
            ['on-publish', 'once it is sent'],
            ['no-ack', 'at once'],
          ]}
        />
      </Form>
    </Card>
  )
}
