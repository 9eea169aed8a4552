import type { Vhost } from '../../broker/vhost.ts'
import { tagList, userRequest } from '../../definitions/requests.ts'
import { userJson as withHash } from '../../definitions/shapes.ts'
import {
  deleteUser,
  putPermission,
  putTopicPermission,
  putUser,
  removePermission,
  removeTopicPermissions,
  setTags,
  setUserLimit,
} from '../../operations/users.ts'
import type { UserRecord, Users } from '../../security/users.ts'
import type { Json } from '../../util/json.ts'
import { Pace } from '../../util/pace.ts'
import { type AddRoute, badRequest, missingKeys, notFound, type Request } from '../http.ts'
import type { Listed } from '../listing.ts'
import { limitValue } from './vhosts.ts'

export function accessRoutes(add: AddRoute): void {
  userRoutes(add)
  permissionRoutes(add)
  limitRoutes(add)
}

/** Omits hashes in Leveret's own format, which are returned only in definitions. */
function userJson(u: UserRecord): Json {
  const { leveret_password_hash: _, ...shown } = withHash(u)
  return shown
}

function existingUser(r: Request): UserRecord {
  const user = r.users.get(r.params['user'] as string)
  if (user === undefined) throw notFound()
  return user
}

function userRoutes(add: AddRoute): void {
  const kind: Listed<UserRecord> = { name: (u) => u.name, describe: userJson }
  add('GET', 'users', 'administrator', (r) => r.list(r.users, kind))
  add('GET', 'users/without-permissions', 'administrator', (r) => {
    const used = new Set([...r.users.permissions()].map((p) => p.user))
    return [...r.users].filter((u) => !used.has(u.name)).map(userJson)
  })
  add('POST', 'users/bulk-delete', 'administrator', async (r) => {
    const names = r.body['users']
    if (!Array.isArray(names)) throw missingKeys(['users'])
    // If a user does not exist, the users before it have already been deleted, as in RabbitMQ.
    const pace = new Pace()
    for (const name of names.map(String)) {
      if (!deleteUser(r.users, name)) throw badRequest(['no_such_user', name])
      if (pace.isLong) await pace.rest()
    }
    return await r.stored(false)
  })
  add('POST', 'users/tags', 'administrator', (r) => {
    if (!setTags(r.users, r.text('user'), tagList(r.body['tags']))) throw notFound()
    return r.stored(false)
  })
  add('POST', 'users/:user/authenticate', 'administrator', async (r) => {
    const user = await r.users.login(existingUser(r).name, r.text('password'), true)
    return { authenticated: user !== undefined }
  })
  add('GET', 'users/:user', 'administrator', (r) => userJson(existingUser(r)))
  add('PUT', 'users/:user', 'administrator', async (r) => {
    if (r.body['tags'] === undefined) throw badRequest('tags_not_present')
    return r.stored(await putUser(r.users, userRequest(r.params['user'] as string, r.body)))
  })
  add('DELETE', 'users/:user', 'administrator', (r) => {
    if (!deleteUser(r.users, r.params['user'] as string)) throw notFound()
    return r.stored(false)
  })
}

function permissionRoutes(add: AddRoute): void {
  type Row = { user: string; vhost: string; permission: object }
  const show = ({ user, vhost, permission }: Row): Json => ({ user, vhost, ...permission })
  const table = (path: string, rows: (users: Users) => Iterable<Row>): void => {
    add('GET', path, 'administrator', (r) => Array.from(rows(r.users), show))
    // Whether the vhost exists is checked before its members.
    add('GET', `vhosts/:vhost/${path}`, 'administrator', (r) => {
      const { name } = r.vhost()
      return [...rows(r.users)].filter((row) => row.vhost === name).map(show)
    })
    add('GET', `users/:user/${path}`, 'administrator', (r) => {
      const { name } = existingUser(r)
      return [...rows(r.users)].filter((row) => row.user === name).map(show)
    })
  }
  table('permissions', (users) => users.permissions())
  table('topic-permissions', (users) => users.topicPermissions())
  const one = 'permissions/:vhost/:user'
  // RabbitMQ's text and status: not 404.
  const target: Target = (r) => {
    const vhost = r.broker.vhosts.get(r.params['vhost'] as string)
    const user = r.users.get(r.params['user'] as string)
    if (vhost === undefined || user === undefined) throw badRequest('vhost_or_user_not_found')
    return [user.name, r.vhost()]
  }
  add('GET', one, 'administrator', (r) => {
    const [user, vhost] = [r.params['user'] as string, r.vhost().name]
    const permission = r.users.permission(user, vhost)
    if (permission === undefined) throw notFound()
    return show({ user, vhost, permission })
  })
  add('PUT', one, 'administrator', (r) => {
    const p = { configure: r.text('configure'), write: r.text('write'), read: r.text('read') }
    return r.stored(putPermission(r.users, ...target(r), p))
  })
  add('DELETE', one, 'administrator', (r) => {
    if (!removePermission(r.users, r.params['user'] as string, r.vhost())) throw notFound()
    return r.stored(false)
  })
  topicRoutes(add, target)
}

type Target = (r: Request) => [user: string, vhost: Vhost]

function topicRoutes(add: AddRoute, target: Target): void {
  const topics = 'topic-permissions/:vhost/:user'
  const rowsOf = (r: Request, exchange = r.params['exchange']): Json[] => {
    const { name } = r.vhost()
    return [...r.users.topicPermissions()]
      .filter((row) => row.user === r.params['user'] && row.vhost === name)
      .map(({ user, vhost, permission }) => ({ user, vhost, ...permission }))
      .filter((row) => exchange === undefined || row.exchange === exchange)
  }
  for (const path of [topics, `${topics}/:exchange`]) {
    add('GET', path, 'administrator', (r) => {
      const rows = rowsOf(r)
      if (rows.length === 0) throw notFound()
      return rows
    })
    add('PUT', path, 'administrator', (r) => {
      const p = { exchange: r.text('exchange'), write: r.text('write'), read: r.text('read') }
      const [user, vhost] = target(r)
      const isNew = rowsOf(r, p.exchange).length === 0
      putTopicPermission(r.users, user, vhost, p)
      return r.stored(isNew)
    })
    add('DELETE', path, 'administrator', (r) => {
      const user = r.params['user'] as string
      if (!removeTopicPermissions(r.users, user, r.vhost(), r.params['exchange'])) throw notFound()
      return r.stored(false)
    })
  }
}

function limitRoutes(add: AddRoute): void {
  for (const path of ['user-limits', 'user-limits/:user'])
    add('GET', path, 'management', (r) => {
      const chosen = r.params['user'] === undefined ? [...r.users] : [existingUser(r)]
      return chosen
        .filter((u) => r.is('monitoring') || u.name === r.user.name)
        .filter((u) => Object.keys(u.limits).length > 0)
        .map((u) => ({ user: u.name, value: u.limits }))
    })
  add('PUT', 'user-limits/:user/:name', 'administrator', (r) => {
    const name = r.params['user'] as string
    if (r.users.get(name) === undefined) throw badRequest(['no_such_user', name])
    setUserLimit(r.users, name, r.params['name'] as string, limitValue(r.body))
    return r.stored(false)
  })
  add('DELETE', 'user-limits/:user/:name', 'administrator', (r) => {
    const user = existingUser(r)
    const name = r.params['name'] as string
    if (Object.hasOwn(user.limits, name)) setUserLimit(r.users, user.name, name, undefined)
    return r.stored(false)
  })
}
