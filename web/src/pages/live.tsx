/** Watches messages as they are published and delivered, up to a limit. Shows copies: no message is consumed. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, enc, errorOf, reasonOf, request } from '../api.ts'
import { plural, when } from '../format.ts'
import type { Message } from '../types.ts'
import { Badge, Card } from '../ui/basic.tsx'
import { Field } from '../ui/form.tsx'
import { MessageView } from './messages.tsx'

const SHOWN_MAX = 200

interface Seen extends Message {
  readonly event: 'published' | 'delivered'
  readonly at: number
}

interface State {
  readonly running: boolean
  readonly seen: readonly Seen[]
  readonly total: number
  readonly missed: number
  readonly said: string | undefined
}

const fresh: State = { running: false, seen: [], total: 0, missed: 0, said: undefined }

/** Reads server-sent events with fetch, which, unlike EventSource, can send the Authorization header. */
async function* events(response: Response): AsyncGenerator<{ event: string; data: string }> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (reader === undefined) return
  let text = ''
  while (true) {
    const { done, value } = await reader.read()
    if (done) return
    text += value
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const of = (name: string): string =>
        lines
          .filter((l) => l.startsWith(`${name}: `))
          .map((l) => l.slice(name.length + 2))
          .join('\n')
      const data = of('data')
      if (data !== '') yield { event: of('event'), data }
    }
  }
}

interface LiveTailProps {
  vhost: string
  target: string
  what: string
  withKey?: boolean
}

export function LiveTail({ vhost, target, what, withKey = false }: LiveTailProps) {
  const [limit, setLimit] = useState('100')
  const [key, setKey] = useState(withKey ? '#' : '')
  const [state, setState] = useState(fresh)
  const stop = useRef<AbortController>(undefined)
  useEffect(() => () => stop.current?.abort(), [])
  const run = async (): Promise<void> => {
    stop.current?.abort()
    const abort = new AbortController()
    stop.current = abort
    setState({ ...fresh, running: true })
    const query = `limit=${enc(limit)}${withKey ? `&key=${enc(key)}` : ''}&truncate=2000`
    try {
      // No timeout: it may take long until a message passes.
      const response = await request(
        'GET',
        `${target}?${query}`,
        { headers: { accept: 'text/event-stream' } },
        abort.signal,
      )
      if (!response.ok) throw await errorOf(response)
      for await (const { event, data } of events(response)) {
        const json = JSON.parse(data) as Seen & { missed?: number; reason?: string }
        if (event === 'end')
          setState((s) => ({
            ...s,
            missed: json.missed ?? 0,
            said: endings[json.reason ?? ''] ?? json.reason,
          }))
        else
          setState((s) => ({
            ...s,
            total: s.total + 1,
            seen: [{ ...json, event: event as Seen['event'], number: s.total }, ...s.seen].slice(
              0,
              SHOWN_MAX,
            ),
          }))
      }
    } catch (error) {
      if (!abort.signal.aborted)
        setState((s) => ({ ...s, said: error instanceof ApiError ? reasonOf(error) : LOST }))
    }
    if (stop.current === abort) setState((s) => ({ ...s, running: false }))
  }
  return (
    <Card title="Messages as they pass">
      <form
        class="form"
        onSubmit={(e) => {
          e.preventDefault()
          void run()
        }}
      >
        <div class="fields">
          {withKey ? (
            <Field
              label="Routing key"
              value={key}
              change={setKey}
              hint="* for a word, # for any number of words"
            />
          ) : null}
          <Field
            label="Stop after"
            type="number"
            min={1}
            value={limit}
            change={setLimit}
            hint={withKey ? 'messages' : 'messages; dead letters that come in are not seen until they go out'}
          />
        </div>
        <div class="form-foot">
          {state.running ? (
            // Different keys: if Stop turned into the submit button, the same click would submit the form.
            <button key="stop" type="button" class="button" onClick={() => stop.current?.abort()}>
              Stop
            </button>
          ) : (
            <button key="watch" type="submit" class="button primary">
              Watch
            </button>
          )}
          <span class="muted" role="status">
            {state.running ? `Watching ${what}: ` : ''}
            {state.running || state.total > 0 ? plural(state.total, 'message') : ''}
            {state.missed > 0 ? `, ${state.missed} left out because they came too fast` : ''}
            {state.said === undefined ? '' : `${state.total > 0 ? '. ' : ''}${state.said}`}
          </span>
        </div>
      </form>
      <ol class="messages" aria-label="Messages that have passed">
        {state.seen.map((m) => (
          <MessageView key={m.number} of={m} vhost={vhost} event={<Passing of={m} />} />
        ))}
      </ol>
    </Card>
  )
}

/** The event of a watched message: a message of a queue is seen when it is published and when it is delivered. */
function Passing({ of: m }: { of: Seen }) {
  return (
    <>
      <Badge kind={m.event === 'delivered' ? 'info' : 'good'}>{m.event}</Badge>
      <span class="muted">{when(m.at)}</span>
    </>
  )
}

const LOST = 'The broker does not answer any more: watch again when it is back.'

const endings: Readonly<Record<string, string>> = {
  limit: 'The limit is reached.',
  time: 'It was watched for as long as it may be.',
  gone: 'It is gone.',
  rights: 'The right to see it is gone.',
}
