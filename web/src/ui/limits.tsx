/** Shows, sets and removes the limits of a virtual host or of a user. */
import { useState } from 'preact/hooks'
import { change, path } from '../api.ts'
import { count, visible } from '../format.ts'
import { Card } from './basic.tsx'
import { ask, say } from './dialog.tsx'
import { Choice, Field, Form } from './form.tsx'

interface LimitsProps {
  /** The owner of the limits, as in "The virtual host orders". */
  owner: string
  /** The path in the HTTP API, such as `vhost-limits/orders`. */
  target: string
  /** Names of limits, and what each counts. */
  kinds: readonly (readonly [string, string])[]
  /** The limits that are set; undefined while they are being read. */
  of: Readonly<Record<string, unknown>> | undefined
  mayChange: boolean
}

/** Formats a limit; in RabbitMQ a negative value means no limit. */
function value(limit: unknown): string {
  return typeof limit === 'number' && limit >= 0 ? `at most ${count(limit)}` : 'no limit'
}

export function Limits({ owner, target, kinds, of, mayChange }: LimitsProps) {
  const set = Object.entries(of ?? {})
  const remove = (name: string): void =>
    ask({
      title: 'Remove this limit?',
      text: (
        <p>
          {visible(owner)} has no limit of {kinds.find(([k]) => k === name)?.[1] ?? name} any more.
        </p>
      ),
      verb: 'Remove',
      run: () => change('DELETE', `${target}/${path(name)}`),
      done: 'The limit is removed.',
    })
  return (
    <Card title="Limits">
      {of !== undefined && set.length === 0 ? <p class="muted">None.</p> : null}
      <ul class="rules" aria-label="Limits">
        {set.map(([name, limit]) => (
          <li key={`limit ${name}`}>
            <b>{kinds.find(([k]) => k === name)?.[1] ?? name}</b>
            <span>{value(limit)}</span>
            {mayChange ? (
              <button type="button" class="button small danger" onClick={() => remove(name)}>
                Remove
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      {mayChange ? <SetLimit target={target} kinds={kinds} /> : null}
    </Card>
  )
}

function SetLimit({ target, kinds }: Pick<LimitsProps, 'target' | 'kinds'>) {
  const [name, setName] = useState(kinds[0]?.[0] ?? '')
  const [most, setMost] = useState('')
  const run = async (): Promise<void> => {
    await change('PUT', `${target}/${path(name)}`, { value: Number(most) })
    say('The limit is set.')
    setMost('')
  }
  return (
    <Form submit="Set limit" run={run}>
      <Choice label="Limit" value={name} change={setName} of={kinds} />
      <Field label="At most" type="number" min={0} value={most} change={setMost} required />
    </Form>
  )
}
