/** One virtual host: its properties, permissions and limits. */
import { useState } from 'preact/hooks'
import { change, isGone, may, path } from '../api.ts'
import { count, plural, visible } from '../format.ts'
import { usePoll } from '../poll.ts'
import { go, to } from '../router.ts'
import type { Permission, Table, Vhost } from '../types.ts'
import { Absent, Badge, Card, Facts, Heading, Name } from '../ui/basic.tsx'
import { ask, say } from '../ui/dialog.tsx'
import { Field, Form } from '../ui/form.tsx'
import { Limits } from '../ui/limits.tsx'

const limits = [
  ['max-connections', 'connections'],
  ['max-queues', 'queues'],
] as const

export function removeVhost(v: Vhost, after?: () => void): void {
  ask({
    title: `Delete ${v.name}?`,
    text: (
      <p>
        The virtual host <Name of={v.name} /> will be destroyed with all its queues and exchanges, their{' '}
        {plural(v.messages, 'message')}, its policies and permissions. Whoever is connected to it loses the
        connection.
      </p>
    ),
    verb: 'Delete virtual host',
    run: async () => {
      await change('DELETE', `vhosts/${path(v.name)}`)
      after?.()
    },
    done: `${v.name} is deleted.`,
  })
}

const crumbs = [['Virtual hosts', to(['vhosts'])]] as const

export function OneVhost({ name }: { name: string }) {
  const { data: v, error } = usePoll<Vhost>(`vhosts/${path(name)}`)
  const set = usePoll<readonly { value: Table }[]>(`vhost-limits/${path(name)}`)
  const administrator = may('administrator')
  const permissions = usePoll<readonly Permission[]>(
    administrator ? `vhosts/${path(name)}/permissions` : undefined,
  )
  // A deleted vhost is not shown: changing one of its properties would create it again.
  if (v === undefined || isGone(error)) return <Absent name={name} crumbs={crumbs} error={error} />
  return (
    <>
      <Heading title={<Name of={name} />} crumbs={crumbs}>
        {administrator ? (
          <button type="button" class="button danger" onClick={() => removeVhost(v, () => go(['vhosts']))}>
            Delete
          </button>
        ) : null}
      </Heading>
      <Card>
        <Facts
          of={[
            ['Description', visible(v.description) || '–'],
            ['Default queue type', visible(v.default_queue_type)],
            ['Ready', count(v.messages_ready)],
            ['Unacked', count(v.messages_unacknowledged)],
            ['Queues', <a href={to(['queues'], { vhost: name })}>show them</a>],
          ]}
        />
      </Card>
      {administrator ? (
        <Card title="Who may use it">
          <PermissionsIn of={permissions.data} />
        </Card>
      ) : null}
      <Limits
        owner={`The virtual host ${name}`}
        target={`vhost-limits/${path(name)}`}
        kinds={limits}
        of={set.data === undefined ? undefined : (set.data[0]?.value ?? {})}
        mayChange={administrator}
      />
      {administrator ? <Tracing of={v} /> : null}
      {administrator ? <ChangeVhost key={v.description} of={v} /> : null}
    </>
  )
}

function PermissionsIn({ of }: { of: readonly Permission[] | undefined }) {
  if (of?.length === 0) return <p class="empty">Nobody. A user's page gives permissions in it.</p>
  return (
    <ul class="rules" aria-label="Permissions">
      {of?.map((p) => (
        <li key={`user ${p.user}`}>
          <a href={to(['users', p.user])}>
            <Name of={p.user} />
          </a>
          {(['configure', 'write', 'read'] as const).map((right) => (
            <span key={right}>
              {right} <code>{visible(p[right]) || '(nothing)'}</code>
            </span>
          ))}
        </li>
      ))}
    </ul>
  )
}

function Tracing({ of: v }: { of: Vhost }) {
  const on = !v.tracing
  const run = async (): Promise<void> => {
    await change('PUT', `vhosts/${path(v.name)}`, { tracing: on })
    say(`Tracing is ${on ? 'on' : 'off'}.`)
  }
  return (
    <Card title="Tracing">
      <p>
        {v.tracing ? <Badge kind="warn">on</Badge> : <Badge>off</Badge>} While it is on, a copy of each
        message that is published or delivered goes to the exchange <code>amq.rabbitmq.trace</code>.
      </p>
      <Form submit={on ? 'Start tracing' : 'Stop tracing'} run={run}>
        {null}
      </Form>
    </Card>
  )
}

function ChangeVhost({ of: v }: { of: Vhost }) {
  const [description, setDescription] = useState(v.description)
  const run = async (): Promise<void> => {
    await change('PUT', `vhosts/${path(v.name)}`, { description })
    say('Changed.')
  }
  return (
    <Card title="Description">
      <Form submit="Change" run={run}>
        <Field label="Description" value={description} change={setDescription} />
      </Form>
    </Card>
  )
}
