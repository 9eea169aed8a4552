/** The messages of a queue: peeked at in place, or taken out. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { change, enc, may } from '../api.ts'
import { bytes, duration, plural, visible, when } from '../format.ts'
import { usePoll } from '../poll.ts'
import { setQuery, usePlace } from '../router.ts'
import type { Message, Queue } from '../types.ts'
import { Action, Badge, Card, ConnectionLink, Failure, Loading, Name, TableValue } from '../ui/basic.tsx'
import { ask, say } from '../ui/dialog.tsx'
import { Choice, Field, Form } from '../ui/form.tsx'
import { Deaths, deathsOf, othersOf } from './deaths.tsx'

const COUNT = 10
const TRUNCATE = 20_000

export function Messages({ queue, target }: { queue: Queue; target: string }) {
  return (
    <>
      <Peek queue={queue} target={target} />
      <Take queue={queue} target={target} />
    </>
  )
}

function Peek({ queue, target }: { queue: Queue; target: string }) {
  const { query } = usePlace()
  const offset = Math.max(0, Math.trunc(Number(query.get('offset'))) || 0)
  const state = query.get('state') ?? ''
  const header = query.get('header') ?? ''
  const asked = [
    `offset=${offset}&count=${COUNT}&truncate=${TRUNCATE}`,
    state === '' ? '' : `&state=${enc(state)}`,
    /^.+=/.test(header) ? `&header=${enc(header)}` : '',
  ].join('')
  const { data, error, refresh } = usePoll<readonly Message[]>(`${target}/peek?${asked}`)
  const turn = (by: number): void => setQuery({ offset: Math.max(0, offset + by) || undefined })
  return (
    <Card
      title="Messages, left where they are"
      aside={
        <Action run={refresh} kind="quiet">
          Refresh
        </Action>
      }
    >
      <div class="tools">
        <select
          aria-label="State of messages"
          value={state}
          onChange={(e) => setQuery({ state: e.currentTarget.value })}
        >
          <option value="">ready and unacked</option>
          <option value="ready">ready</option>
          <option value="unacked">unacked</option>
        </select>
        <input
          type="search"
          placeholder="header, such as tenant=acme"
          aria-label="Only with this header"
          value={header}
          onChange={(e) => setQuery({ header: e.currentTarget.value, offset: undefined })}
        />
      </div>
      <Failure error={error} />
      {data === undefined ? error === undefined ? <Loading /> : null : null}
      {data?.length === 0 ? <p class="empty">{offset === 0 ? 'No messages.' : 'No more messages.'}</p> : null}
      <ol class="messages" aria-label="Messages">
        {data?.map((m) => (
          <MessageView key={m.number} of={m} vhost={queue.vhost} queue={queue} target={target} />
        ))}
      </ol>
      {offset === 0 && (data?.length ?? 0) < COUNT ? null : (
        <div class="row-end">
          <Action run={() => turn(-COUNT)} disabled={offset === 0}>
            Earlier
          </Action>
          <span class="muted">from {offset + 1}</span>
          <Action run={() => turn(COUNT)} disabled={(data?.length ?? 0) < COUNT}>
            Later
          </Action>
        </div>
      )}
    </Card>
  )
}

interface MessageProps {
  of: Message
  vhost: string
  /** The queue that holds the message, with its API path; absent for a watched message. */
  queue?: Queue
  target?: string
  /** The event of a watched message, and its time. */
  event?: ComponentChildren
}

export function MessageView({ of: m, vhost, queue, target, event }: MessageProps) {
  const { headers, ...properties } = m.properties ?? {}
  const deaths = deathsOf(headers)
  const others = othersOf(headers, deaths)
  if (m.unreadable !== undefined)
    return (
      <li class="message">
        <p class="failure">It cannot be read: {visible(m.unreadable)}</p>
      </li>
    )
  return (
    <li class="message" data-number={m.number}>
      <div class="message-head">
        {m.position === undefined ? null : <b>#{m.position + 1}</b>}
        {event}
        {m.state === 'unacked' ? <Badge kind="warn">unacked</Badge> : null}
        {m.redelivered ? <Badge kind="info">redelivered</Badge> : null}
        <span>
          key <Name of={m.routing_key} />
        </span>
        <span class="muted">
          exchange <Name of={m.exchange} empty="(default)" />
        </span>
        <span class="muted">{bytes(m.payload_bytes)}</span>
        {m.age === undefined ? null : (
          <span class="muted" title={m.arrived_at ? when(m.arrived_at) : ''}>
            {duration(m.age)} old
          </span>
        )}
        {target !== undefined && queue !== undefined && deaths.length > 0 ? (
          <SendBack of={m} queue={queue} target={target} origin={deaths[0]?.queue ?? ''} />
        ) : null}
      </div>
      {m.held_by ? (
        <p class="held">
          Held by <ConnectionLink name={m.held_by.connection} /> (user {visible(m.held_by.user)}) since{' '}
          {when(m.held_by.since)}.
        </p>
      ) : null}
      {deaths.length > 0 ? <Deaths of={deaths} vhost={vhost} brief={queue === undefined} /> : null}
      <pre class="payload">{payloadText(m)}</pre>
      {Object.keys(properties).length > 0 ? (
        <p class="properties">
          <span class="muted">Properties</span> <TableValue of={properties} />
        </p>
      ) : null}
      {Object.keys(others).length > 0 ? (
        <p class="properties">
          <span class="muted">Headers</span> <TableValue of={others} />
        </p>
      ) : null}
    </li>
  )
}

/** Formats a payload: JSON is indented, and a payload that is not text is shown in base64. */
function payloadText(m: Message): string {
  const more =
    m.payload_encoding === 'string' && m.payload.length < m.payload_bytes && m.payload_bytes > TRUNCATE
  const text = m.payload_encoding === 'base64' ? `base64: ${m.payload}` : m.payload
  const pretty = /^\s*[[{]/.test(text) && !more ? indented(text) : text
  return `${visible(pretty).replaceAll('⟨000a⟩', '\n').replaceAll('⟨0009⟩', '\t')}${more ? ' …' : ''}`
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

interface SendBackProps {
  of: Message
  queue: Queue
  target: string
  origin: string
}

/** A button that redrives only this message, to the queue it came from. */
function SendBack({ of: m, queue, target, origin }: SendBackProps) {
  if (!may('policymaker') || m.number === undefined || m.state === 'unacked') return null
  return (
    <Action
      run={() =>
        ask({
          title: `Send message #${(m.position ?? 0) + 1} back?`,
          text: (
            <p>
              It leaves <Name of={queue.name} /> and goes to the end of <Name of={origin} />, where its
              consumers get it again.
            </p>
          ),
          verb: 'Send back',
          run: async () => {
            const answer = await change<{ moved: number }>('POST', `${target}/redrive`, {
              message: m.number,
              limit: 1,
            })
            if (answer.moved === 0) throw new Error(`It could not be sent back: ${origin} does not take it.`)
          },
          done: `Sent back to ${origin}.`,
        })
      }
    >
      Send back to <Name of={origin} />
    </Action>
  )
}

const modes = [
  ['ack_requeue_true', 'look, and put back'],
  ['ack_requeue_false', 'take for good'],
  ['reject_requeue_true', 'reject, and put back'],
  ['reject_requeue_false', 'reject for good'],
] as const

function Take({ queue, target }: { queue: Queue; target: string }) {
  const [number, setNumber] = useState('1')
  const [mode, setMode] = useState<string>('ack_requeue_true')
  const [taken, setTaken] = useState<readonly Message[] | undefined>()
  const get = async (): Promise<void> => {
    const body = { count: Number(number), ackmode: mode, encoding: 'auto', truncate: TRUNCATE }
    const found = await change<readonly Message[]>('POST', `${target}/get`, body)
    setTaken(found)
    say(`${plural(found.length, 'message')} read.`)
  }
  const run = async (): Promise<void> => {
    if (!mode.endsWith('requeue_false')) return await get()
    ask({
      title: `Take ${plural(Number(number), 'message')}?`,
      text: (
        <p>
          Up to {plural(Number(number), 'ready message')} of <Name of={queue.name} /> will{' '}
          {mode.startsWith('ack') ? 'be taken out for good.' : 'be rejected: dead-lettered, or destroyed.'}
        </p>
      ),
      verb: 'Take',
      run: get,
      done: 'Done.',
    })
  }
  return (
    <Card title="Get messages, as a client would">
      <Form submit="Get" run={run}>
        <Field label="How many" type="number" min={1} value={number} change={setNumber} />
        <Choice label="Then" value={mode} change={setMode} of={modes} />
      </Form>
      {taken === undefined ? null : (
        <ol class="messages" aria-label="Messages that were got">
          {taken.map((m, i) => (
            <MessageView key={i} of={m} vhost={queue.vhost} queue={queue} />
          ))}
        </ol>
      )}
      {taken?.length === 0 ? <p class="empty">The queue had no ready message.</p> : null}
    </Card>
  )
}
