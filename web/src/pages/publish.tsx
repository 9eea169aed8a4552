/** Publishes a message by hand. */
import { useState } from 'preact/hooks'
import { change, path } from '../api.ts'
import { Card, exchangeName } from '../ui/basic.tsx'
import { Check, Choice, Field, Form, JsonField, jsonObject, TextArea } from '../ui/form.tsx'

interface PublishProps {
  vhost: string
  exchange: string
  routingKey?: string
  /** Whether the routing key is fixed, as on the page of a queue. */
  fixed?: boolean
}

export function Publish({ vhost, exchange, routingKey = '', fixed = false }: PublishProps) {
  const [key, setKey] = useState(routingKey)
  const [payload, setPayload] = useState('')
  const [encoding, setEncoding] = useState('string')
  const [persistent, setPersistent] = useState(true)
  const [headers, setHeaders] = useState('')
  const [properties, setProperties] = useState('')
  const [result, setResult] = useState<string | undefined>()
  const run = async (): Promise<void> => {
    setResult(undefined)
    const all = jsonObject(headers, 'Headers')
    const answer = await change<{ routed: boolean }>(
      'POST',
      `exchanges/${path(vhost, exchangeName(exchange))}/publish`,
      {
        properties: {
          delivery_mode: persistent ? 2 : 1,
          ...(Object.keys(all).length > 0 ? { headers: all } : {}),
          ...jsonObject(properties, 'Properties'),
        },
        routing_key: key,
        payload,
        payload_encoding: encoding,
      },
    )
    setResult(
      answer.routed ? 'Published.' : 'Published, but no queue gets messages with this key: it is gone.',
    )
  }
  return (
    <Card title="Publish a message">
      <Form submit="Publish" run={run}>
        {fixed ? null : <Field label="Routing key" value={key} change={setKey} />}
        <Choice
          label="Payload is"
          value={encoding}
          change={setEncoding}
          of={[
            ['string', 'text'],
            ['base64', 'base64'],
          ]}
        />
        <Check label="Persistent: on disk before it is confirmed" value={persistent} change={setPersistent} />
        <TextArea label="Payload" value={payload} change={setPayload} rows={5} />
        <JsonField
          label="Headers"
          value={headers}
          change={setHeaders}
          rows={2}
          example={'{"tenant": "acme"}'}
        />
        <JsonField
          label="Further properties"
          value={properties}
          change={setProperties}
          rows={2}
          example={'{"content_type": "application/json", "expiration": "60000"}'}
        />
      </Form>
      {result === undefined ? null : <p role="status">{result}</p>}
    </Card>
  )
}
