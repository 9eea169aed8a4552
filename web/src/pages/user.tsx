/** One user: permissions, limits, password and tags. */
import { useState } from 'preact/hooks'
import { change, isGone, path, session } from '../api.ts'
import { visible } from '../format.ts'
import { usePoll } from '../poll.ts'
import { go, to } from '../router.ts'
import type { Permission, TopicPermission, User } from '../types.ts'
import { Absent, Badge, Card, Heading, Name } from '../ui/basic.tsx'
import { AskButton, ask, say } from '../ui/dialog.tsx'
import { Field, Form } from '../ui/form.tsx'
import { Limits } from '../ui/limits.tsx'
import { everything, PatternFields } from '../ui/patterns.tsx'
import { useVhostField } from '../ui/vhost-choice.tsx'

export function removeUser(u: User, after?: () => void): void {
  ask({
    title: `Delete ${u.name}?`,
    text: (
      <p>
        The user <Name of={u.name} /> loses all permissions and, at once, all connections.
        {u.name === session.get()?.name ? ' This is who you are logged in as.' : ''}
      </p>
    ),
    verb: 'Delete user',
    run: () => change('DELETE', `users/${path(u.name)}`),
    after,
    done: `${u.name} is deleted.`,
  })
}

const limits = [
  ['max-connections', 'connections'],
  ['max-channels', 'channels'],
] as const

const crumbs = [['Users', to(['users'])]] as const

export function OneUser({ name }: { name: string }) {
  const target = `users/${path(name)}`
  const { data: user, error } = usePoll<User>(target)
  const permissions = usePoll<readonly Permission[]>(`${target}/permissions`)
  const topics = usePoll<readonly TopicPermission[]>(`${target}/topic-permissions`)
  if (user === undefined || isGone(error)) return <Absent name={name} crumbs={crumbs} error={error} />
  return (
    <>
      <Heading title={<Name of={name} />} crumbs={crumbs}>
        <button type="button" class="button danger" onClick={() => removeUser(user, () => go(['users']))}>
          Delete
        </button>
      </Heading>
      <p class="badges">
        {user.tags.map((t) => (
          <Badge key={`tag ${t}`}>{visible(t)}</Badge>
        ))}
      </p>
      <Card title="Permissions">
        <PermissionList name={name} of={permissions.data} />
        <SetPermission name={name} />
      </Card>
      <Card title="Topic permissions">
        <TopicList name={name} of={topics.data} />
        <SetTopic name={name} />
      </Card>
      <Limits
        owner={`The user ${name}`}
        target={`user-limits/${path(name)}`}
        kinds={limits}
        of={user.limits}
        mayChange
      />
      <ChangeUser key={user.tags.join()} user={user} />
    </>
  )
}

function PermissionList({ name, of }: { name: string; of: readonly Permission[] | undefined }) {
  if (of?.length === 0) return <p class="empty">None: this user can connect to no virtual host.</p>
  return (
    <ul class="rules" aria-label="Permissions">
      {of?.map((p) => (
        <li key={`vhost ${p.vhost}`}>
          <b>
            <Name of={p.vhost} />
          </b>
          <span>
            configure <code>{visible(p.configure) || '(nothing)'}</code>
          </span>
          <span>
            write <code>{visible(p.write) || '(nothing)'}</code>
          </span>
          <span>
            read <code>{visible(p.read) || '(nothing)'}</code>
          </span>
          <AskButton
            kind="small danger"
            title="Remove this permission?"
            text={
              <p>
                <Name of={name} /> may do nothing in <Name of={p.vhost} /> any more; this holds at once, for
                open connections too.
              </p>
            }
            verb="Remove"
            run={() => change('DELETE', `permissions/${path(p.vhost, name)}`)}
            done="Removed."
          >
            Remove
          </AskButton>
        </li>
      ))}
    </ul>
  )
}

function SetPermission({ name }: { name: string }) {
  const [patterns, setPatterns] = useState(everything)
  const [target, vhostField] = useVhostField()
  const run = async (): Promise<void> => {
    await change('PUT', `permissions/${path(target, name)}`, patterns)
    say('Set.')
  }
  return (
    <Form submit="Set permission" run={run}>
      {vhostField}
      <PatternFields value={patterns} change={setPatterns} />
    </Form>
  )
}

function TopicList({ name, of }: { name: string; of: readonly TopicPermission[] | undefined }) {
  if (of?.length === 0) return <p class="muted">None: routing keys of topic exchanges are not limited.</p>
  return (
    <ul class="rules" aria-label="Topic permissions">
      {of?.map((p) => (
        <li key={`${p.vhost}\n${p.exchange}`}>
          <b>
            <Name of={p.exchange} />
          </b>
          <span class="muted">{visible(p.vhost)}</span>
          <span>
            write <code>{visible(p.write)}</code>
          </span>
          <span>
            read <code>{visible(p.read)}</code>
          </span>
          <AskButton
            kind="small danger"
            title="Remove this topic permission?"
            text={
              <p>
                Routing keys of the exchange <Name of={p.exchange} /> are not limited for <Name of={name} />{' '}
                any more.
              </p>
            }
            verb="Remove"
            run={() => change('DELETE', `topic-permissions/${path(p.vhost, name, p.exchange)}`)}
            done="Removed."
          >
            Remove
          </AskButton>
        </li>
      ))}
    </ul>
  )
}

function SetTopic({ name }: { name: string }) {
  const [exchange, setExchange] = useState('amq.topic')
  const [write, setWrite] = useState('.*')
  const [read, setRead] = useState('.*')
  const [target, vhostField] = useVhostField()
  const run = async (): Promise<void> => {
    await change('PUT', `topic-permissions/${path(target, name)}`, { exchange, write, read })
    say('Set.')
  }
  return (
    <Form submit="Set topic permission" run={run}>
      {vhostField}
      <Field label="Exchange" value={exchange} change={setExchange} required />
      <Field label="Write keys" mono value={write} change={setWrite} />
      <Field label="Read keys" mono value={read} change={setRead} />
    </Form>
  )
}

function ChangeUser({ user }: { user: User }) {
  const [password, setPassword] = useState('')
  const [tag, setTag] = useState(user.tags.join(','))
  const run = async (): Promise<void> => {
    await change('PUT', `users/${path(user.name)}`, { password, tags: tag })
    say('Changed.')
    setPassword('')
  }
  return (
    <Card title="New password and tags">
      <Form submit="Change" run={run}>
        <Field
          label="New password"
          type="password"
          value={password}
          change={setPassword}
          required
          autoComplete="new-password"
          hint="open connections stay"
        />
        <Field label="Tags" value={tag} change={setTag} hint="with commas between them" />
      </Form>
    </Card>
  )
}
