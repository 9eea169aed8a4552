/** The bindings of a queue or an exchange. */
import { useState } from 'preact/hooks'
import { change, path } from '../api.ts'
import { visible } from '../format.ts'
import type { Binding } from '../types.ts'
import { Card, ExchangeLink, exchangeName, Name, QueueLink, TableValue, tableText } from '../ui/basic.tsx'
import { ask, say } from '../ui/dialog.tsx'
import { Choice, Field, Form, jsonObject, TextArea } from '../ui/form.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'

interface BindingsProps {
  vhost: string
  list: readonly Binding[] | undefined
  error: unknown
  /** The bound queue; either this or `source` is given. */
  destination?: string
  /** The exchange that the bindings route from. */
  source?: string
}

function targetOf(b: Binding): string {
  const letter = b.destination_type === 'queue' ? 'q' : 'e'
  return `bindings/${path(b.vhost, 'e', exchangeName(b.source), letter, b.destination, b.properties_key)}`
}

function columnsOf(fromExchange: boolean): readonly Column<Binding>[] {
  return [
    fromExchange
      ? {
          key: 'to',
          title: 'To',
          sort: (b) => b.destination,
          render: (b) =>
            b.destination_type === 'queue' ? (
              <QueueLink vhost={b.vhost} name={b.destination} />
            ) : (
              <>
                <ExchangeLink vhost={b.vhost} name={b.destination} /> <span class="muted">exchange</span>
              </>
            ),
        }
      : {
          key: 'from',
          title: 'From',
          sort: (b) => b.source,
          render: (b) => <ExchangeLink vhost={b.vhost} name={b.source} />,
        },
    {
      key: 'key',
      title: 'Routing key',
      sort: (b) => b.routing_key,
      render: (b) => <Name of={b.routing_key} />,
    },
    {
      key: 'arguments',
      title: 'Arguments',
      sort: (b) => tableText(b.arguments),
      hide: 'phone',
      render: (b) => <TableValue of={b.arguments} />,
    },
    {
      key: 'unbind',
      title: '',
      width: '6.5rem',
      render: (b) =>
        b.source === '' ? (
          <span class="muted">always</span>
        ) : (
          <button type="button" class="button small" onClick={() => unbind(b)}>
            Unbind
          </button>
        ),
    },
  ]
}

function unbind(b: Binding): void {
  ask({
    title: 'Unbind?',
    text: (
      <p>
        Messages of the exchange <Name of={b.source} /> with the key{' '}
        <Name of={b.routing_key} empty="(none)" /> will not reach the {b.destination_type}{' '}
        <Name of={b.destination} /> by this binding any more.
      </p>
    ),
    verb: 'Unbind',
    run: () => change('DELETE', targetOf(b)),
    done: 'Unbound.',
  })
}

export function Bindings({ vhost, list, error, destination, source }: BindingsProps) {
  const columns = columnsOf(source !== undefined)
  const order = useOrder('b.')
  const rows = useLocalRows(
    list,
    columns,
    order,
    (b) => `${b.source} ${b.destination} ${visible(b.routing_key)} ${JSON.stringify(b.arguments)}`,
    error,
  )
  return (
    <Card title="Bindings" aside={<Count rows={rows} what="bindings" />}>
      <div class="tools">
        <Filter prefix="b." label="Filter bindings" />
      </div>
      <Grid
        low
        label="Bindings"
        columns={columns}
        rows={rows}
        order={order}
        prefix="b."
        id={(b) => targetOf(b)}
        empty="Nothing is bound."
      />
      {source === '' ? null : <Bind vhost={vhost} destination={destination} source={source} />}
    </Card>
  )
}

interface BindProps {
  vhost: string
  destination: string | undefined
  source: string | undefined
}

function Bind({ vhost, destination, source }: BindProps) {
  const [other, setOther] = useState('')
  const [kind, setKind] = useState('q')
  const [key, setKey] = useState('')
  const [args, setArgs] = useState('')
  const run = async (): Promise<void> => {
    const way =
      destination === undefined
        ? path(vhost, 'e', source ?? '', kind, other)
        : path(vhost, 'e', other, 'q', destination)
    await change('POST', `bindings/${way}`, { routing_key: key, arguments: jsonObject(args, 'Arguments') })
    say('Bound.')
    setKey('')
  }
  return (
    <Form submit="Bind" run={run}>
      {destination === undefined ? (
        <Choice
          label="To"
          value={kind}
          change={setKind}
          of={[
            ['q', 'queue'],
            ['e', 'exchange'],
          ]}
        />
      ) : null}
      <Field
        label={destination === undefined ? 'Its name' : 'From exchange'}
        value={other}
        change={setOther}
        required
      />
      <Field label="Routing key" value={key} change={setKey} />
      <TextArea label="Arguments" value={args} change={setArgs} rows={2} hint="JSON; for headers exchanges" />
    </Form>
  )
}
