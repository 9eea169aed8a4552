/** Users, with their tags and permissions. */
import { useState } from 'preact/hooks'
import { change, may, path } from '../api.ts'
import { visible } from '../format.ts'
import { usePoll } from '../poll.ts'
import { to, usePlace } from '../router.ts'
import type { Permission, User } from '../types.ts'
import { Badge, Card, Heading, Name } from '../ui/basic.tsx'
import { say } from '../ui/dialog.tsx'
import { Choice, Field, Form } from '../ui/form.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'
import { everything, PatternFields } from '../ui/patterns.tsx'
import { useVhostField } from '../ui/vhost-choice.tsx'
import { OneUser, removeUser } from './user.tsx'

const tags = [
  ['', 'none: AMQP only'],
  ['management', 'management: sees its own here'],
  ['policymaker', 'policymaker: and sets policies'],
  ['monitoring', 'monitoring: sees everything'],
  ['administrator', 'administrator: everything'],
] as const

function userColumns(permissions: readonly Permission[] | undefined): readonly Column<User>[] {
  const all = new Map<string, Permission[]>()
  for (const p of permissions ?? []) all.set(p.user, [...(all.get(p.user) ?? []), p])
  const own = (u: User): readonly Permission[] => all.get(u.name) ?? []
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
      sort: (u) =>
        own(u)
          .map((p) => p.vhost)
          .join(' '),
      hide: 'phone',
      render: (u) => {
        const rights = own(u)
        return rights.length === 0 ? (
          <span class="muted">no virtual host</span>
        ) : (
          rights.map((p) => <Badge key={`vhost ${p.vhost}`}>{visible(p.vhost)}</Badge>)
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

export function Users() {
  const chosen = usePlace().parts[1]
  return chosen === undefined ? <UserList /> : <OneUser key={`user ${chosen}`} name={chosen} />
}

function UserList() {
  const order = useOrder()
  const { data, error } = usePoll<readonly User[]>('users')
  const permissions = usePoll<readonly Permission[]>('permissions')
  const columns = userColumns(permissions.data)
  const rows = useLocalRows(data, columns, order, (u) => `${u.name} ${u.tags.join(' ')}`, error)
  return (
    <>
      <Heading title="Users" />
      {may('administrator') ? <AddUser /> : null}
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

/** A regular expression that matches exactly this name. */
export function exactly(name: string): string {
  return `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`
}

function AddUser() {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [tag, setTag] = useState('')
  const [kind, setKind] = useState<Kind>('all')
  const [queue, setQueue] = useState('')
  const [own, setOwn] = useState(everything)
  const [target, vhostField] = useVhostField()
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
        {kind === 'none' ? null : vhostField}
        {kind === 'read' ? <Field label="Queue" value={queue} change={setQueue} required /> : null}
        {kind === 'own' ? <PatternFields value={own} change={setOwn} /> : null}
      </Form>
    </Card>
  )
}
