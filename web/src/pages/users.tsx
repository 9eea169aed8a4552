/** Users and what they may do. */
import { useState } from 'preact/hooks'
import { change, path, session } from '../api.ts'
import { visible } from '../format.ts'
import { usePoll } from '../poll.ts'
import { to, usePlace } from '../router.ts'
import type { Permission, TopicPermission, User } from '../types.ts'
import { Badge, Card, Heading, Name } from '../ui/basic.tsx'
import { ask, say } from '../ui/dialog.tsx'
import { Choice, Field, Form } from '../ui/form.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'
import { useVhosts } from '../ui/vhost-choice.tsx'

const tags = [
  ['', 'none: AMQP only'],
  ['management', 'management: sees its own here'],
  ['policymaker', 'policymaker: and sets policies'],
  ['monitoring', 'monitoring: sees everything'],
  ['administrator', 'administrator: everything'],
] as const

function userColumns(permissions: readonly Permission[] | undefined): readonly Column<User>[] {
  return [
    {
      key: 'name',
      title: 'Name',
      sort: (u) => u.name,
      render: (u) => (
        <a href={to(['users', u.name])}>
          <Name of={u.name} />
        </a>
      ),
    },
    {
      key: 'tags',
      title: 'Tags',
      sort: (u) => u.tags.join(),
      render: (u) => u.tags.map((t) => <Badge key={`tag ${t}`}>{visible(t)}</Badge>),
    },
    {
      key: 'vhosts',
      title: 'May use',
      hide: 'phone',
      render: (u) => {
        const own = permissions?.filter((p) => p.user === u.name) ?? []
        return own.length === 0 ? (
          <span class="muted">no virtual host</span>
        ) : (
          own.map((p) => <Badge key={`vhost ${p.vhost}`}>{visible(p.vhost)}</Badge>)
        )
      },
    },
    {
      key: 'actions',
      title: '',
      width: '6.5rem',
      render: (u) => (
        <button type="button" class="button small danger" onClick={() => removeUser(u)}>
          Delete
        </button>
      ),
    },
  ]
}

function removeUser(u: User): void {
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
    done: `${u.name} is deleted.`,
  })
}

export function Users() {
  const chosen = usePlace().parts[1]
  const order = useOrder()
  const { data, error } = usePoll<readonly User[]>('users')
  const permissions = usePoll<readonly Permission[]>('permissions')
  const columns = userColumns(permissions.data)
  const rows = useLocalRows(data, columns, order, (u) => `${u.name} ${u.tags.join(' ')}`, error)
  if (chosen !== undefined)
    return (
      <OneUser
        key={`user ${chosen}`}
        name={chosen}
        user={data?.find((u) => u.name === chosen)}
        permissions={permissions.data}
      />
    )
  return (
    <>
      <Heading title="Users" />
      <AddUser />
      <div class="tools">
        <Filter label="Filter by name or tag" />
        <Count rows={rows} what="users" />
      </div>
      <Grid
        low
        label="Users"
        columns={columns}
        rows={rows}
        order={order}
        id={(u) => u.name}
        empty="There are no users."
      />
    </>
  )
}

const kinds = [
  ['all', 'everything in a virtual host'],
  ['read', 'read one queue, nothing else'],
  ['own', 'patterns of your own'],
  ['none', 'nothing yet'],
] as const
type Kind = (typeof kinds)[number][0]

/** Exactly this name, as a pattern. */
export function exactly(name: string): string {
  return `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`
}

interface Patterns {
  readonly configure: string
  readonly write: string
  readonly read: string
}

const everything: Patterns = { configure: '.*', write: '.*', read: '.*' }

function AddUser() {
  const vhosts = useVhosts()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [tag, setTag] = useState('')
  const [kind, setKind] = useState<Kind>('all')
  const [vhost, setVhost] = useState('')
  const [queue, setQueue] = useState('')
  const [own, setOwn] = useState(everything)
  const target = vhost === '' ? (vhosts[0] ?? '/') : vhost
  const run = async (): Promise<void> => {
    await change('PUT', `users/${path(name)}`, { password, tags: tag })
    const patterns =
      kind === 'all' ? everything : kind === 'own' ? own : { configure: '', write: '', read: exactly(queue) }
    if (kind !== 'none') await change('PUT', `permissions/${path(target, name)}`, patterns)
    say(`User ${name} is there.`)
    setName('')
    setPassword('')
  }
  return (
    <Card title="Add a user">
      <Form submit="Add user" run={run}>
        <Field label="Name" value={name} change={setName} required autoComplete="off" />
        <Field
          label="Password"
          type="password"
          value={password}
          change={setPassword}
          required
          autoComplete="new-password"
        />
        <Choice label="This page" value={tag} change={setTag} of={tags} />
        <Choice label="May" value={kind} change={(k) => setKind(k as Kind)} of={kinds} />
        {kind === 'none' ? null : (
          <Choice
            label="Virtual host"
            value={target}
            change={setVhost}
            of={vhosts.map((v) => [v, v] as const)}
          />
        )}
        {kind === 'read' ? <Field label="Queue" value={queue} change={setQueue} required /> : null}
        {kind === 'own' ? <PatternFields value={own} change={setOwn} /> : null}
      </Form>
    </Card>
  )
}

function PatternFields({ value, change: set }: { value: Patterns; change(p: Patterns): void }) {
  return (
    <>
      <Field
        label="Configure"
        mono
        value={value.configure}
        change={(configure) => set({ ...value, configure })}
        hint="declare and delete; empty: nothing"
      />
      <Field
        label="Write"
        mono
        value={value.write}
        change={(write) => set({ ...value, write })}
        hint="publish"
      />
      <Field
        label="Read"
        mono
        value={value.read}
        change={(read) => set({ ...value, read })}
        hint="consume, get, purge"
      />
    </>
  )
}

interface OneUserProps {
  name: string
  user: User | undefined
  permissions: readonly Permission[] | undefined
}

function OneUser({ name, user, permissions }: OneUserProps) {
  const topics = usePoll<readonly TopicPermission[]>(`users/${path(name)}/topic-permissions`)
  const own = permissions?.filter((p) => p.user === name)
  return (
    <>
      <Heading title={<Name of={name} />} crumbs={[['Users', to(['users'])]]}>
        {user === undefined ? null : (
          <button type="button" class="button danger" onClick={() => removeUser(user)}>
            Delete
          </button>
        )}
      </Heading>
      <p class="badges">
        {user?.tags.map((t) => (
          <Badge key={`tag ${t}`}>{visible(t)}</Badge>
        ))}
      </p>
      <Card title="Permissions">
        <PermissionList name={name} of={own} />
        <SetPermission name={name} />
      </Card>
      <Card title="Topic permissions">
        <TopicList name={name} of={topics.data} />
        <SetTopic name={name} />
      </Card>
      {user === undefined ? null : <ChangeUser key={user.tags.join()} user={user} />}
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
          <button
            type="button"
            class="button small danger"
            onClick={() =>
              ask({
                title: 'Remove this permission?',
                text: (
                  <p>
                    <Name of={name} /> may do nothing in {p.vhost} any more; this holds at once, for open
                    connections too.
                  </p>
                ),
                verb: 'Remove',
                run: () => change('DELETE', `permissions/${path(p.vhost, name)}`),
                done: 'Removed.',
              })
            }
          >
            Remove
          </button>
        </li>
      ))}
    </ul>
  )
}

function SetPermission({ name }: { name: string }) {
  const vhosts = useVhosts()
  const [vhost, setVhost] = useState('')
  const [patterns, setPatterns] = useState(everything)
  const target = vhost === '' ? (vhosts[0] ?? '/') : vhost
  const run = async (): Promise<void> => {
    await change('PUT', `permissions/${path(target, name)}`, patterns)
    say('Set.')
  }
  return (
    <Form submit="Set permission" run={run}>
      <Choice label="Virtual host" value={target} change={setVhost} of={vhosts.map((v) => [v, v] as const)} />
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
          <button
            type="button"
            class="button small danger"
            onClick={() =>
              ask({
                title: 'Remove this topic permission?',
                text: (
                  <p>
                    Routing keys of the exchange <Name of={p.exchange} /> are not limited for{' '}
                    <Name of={name} /> any more.
                  </p>
                ),
                verb: 'Remove',
                run: () => change('DELETE', `topic-permissions/${path(p.vhost, name, p.exchange)}`),
                done: 'Removed.',
              })
            }
          >
            Remove
          </button>
        </li>
      ))}
    </ul>
  )
}

function SetTopic({ name }: { name: string }) {
  const vhosts = useVhosts()
  const [vhost, setVhost] = useState('')
  const [exchange, setExchange] = useState('amq.topic')
  const [write, setWrite] = useState('.*')
  const [read, setRead] = useState('.*')
  const target = vhost === '' ? (vhosts[0] ?? '/') : vhost
  const run = async (): Promise<void> => {
    await change('PUT', `topic-permissions/${path(target, name)}`, { exchange, write, read })
    say('Set.')
  }
  return (
    <Form submit="Set topic permission" run={run}>
      <Choice label="Virtual host" value={target} change={setVhost} of={vhosts.map((v) => [v, v] as const)} />
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
