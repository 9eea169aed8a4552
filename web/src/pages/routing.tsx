/** Shows where a message would be routed, without publishing it. */
import { useState } from 'preact/hooks'
import { call, path } from '../api.ts'
import { plural } from '../format.ts'
import { setQuery, usePlace } from '../router.ts'
import type { Table } from '../types.ts'
import { Card, ExchangeLink, Name, QueueLink } from '../ui/basic.tsx'
import { Field, Form, JsonField, jsonObject } from '../ui/form.tsx'

interface Route {
  readonly routed: boolean
  readonly queues: readonly { name: string; via: readonly string[] }[]
  readonly notes: readonly string[]
}

const hints: Readonly<Record<string, string>> = {
  topic: 'words with dots between them, such as stock.nyse',
  headers: 'plays no part here: headers decide',
  fanout: 'plays no part here: all bindings get it',
}

export function RoutingTester({ vhost, exchange, type }: { vhost: string; exchange: string; type: string }) {
  const { query } = usePlace()
  const [key, setKey] = useState(query.get('key') ?? '')
  const [headers, setHeaders] = useState(query.get('headers') ?? '')
  const [route, setRoute] = useState<Route | undefined>()
  const run = async (): Promise<void> => {
    setRoute(undefined)
    setQuery({ key, headers })
    const properties: Table = { headers: jsonObject(headers, 'Headers') }
    const body = { routing_key: key, properties }
    setRoute(await call<Route>('POST', `exchanges/${path(vhost, exchange)}/route`, { body }))
  }
  return (
    <Card title="Where would a message go?">
      <Form submit="Find out" run={run}>
        <Field label="Routing key" value={key} change={setKey} hint={hints[type]} autoFocus />
        <JsonField
          label="Headers"
          value={headers}
          change={setHeaders}
          rows={2}
          example={'{"tenant": "acme"}'}
          note=". Nothing is published."
        />
      </Form>
      {route === undefined ? null : (
        <div class="route" role="status">
          <p>
            {route.queues.length > 0
              ? `It goes to ${plural(route.queues.length, 'queue')}:`
              : route.routed
                ? 'It goes to no queue now.'
                : 'It goes nowhere: it would be lost, or come back where it is published as mandatory.'}
          </p>
          <ul>
            {route.queues.map((q) => (
              <li key={`queue ${q.name}`}>
                <QueueLink vhost={vhost} name={q.name} />
                {q.via.length > 1 ? (
                  <span class="muted">
                    {' '}
                    through{' '}
                    {q.via.slice(1).map((x, i) => (
                      <span key={`via ${x}`}>
                        {i > 0 ? ', ' : ''}
                        <ExchangeLink vhost={vhost} name={x} />
                      </span>
                    ))}
                  </span>
                ) : null}
              </li>
            ))}
          </ul>
          {route.notes.map((n) => (
            <p key={n} class="muted">
              <Name of={n} />
            </p>
          ))}
        </div>
      )}
    </Card>
  )
}
