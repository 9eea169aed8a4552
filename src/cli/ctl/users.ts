/** Commands on users and their permissions. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CtlError } from './client.ts'
import {
  action,
  arg,
  type Command,
  type Context,
  EXIT_DATA,
  EXIT_NO_USER,
  enc,
  existingVhost,
  jsonObject,
  orElse,
  unlessAbsent,
} from './command.ts'
import type { Row } from './output.ts'

async function tagsOf(c: Context, user: string): Promise<unknown> {
  return (await existing(c, c.client.get<Row>(`users/${enc(user)}`)))['tags']
}

/** Awaits an answer about the user named by the first argument. @throws CtlError if it is 404 */
function existing<T>(c: Context, answer: Promise<T>): Promise<T> {
  return orElse(answer, `User "${arg(c, 0)}" does not exist`, EXIT_NO_USER)
}

/** Checks that the user and the vhost of a permission exist. @throws CtlError */
async function bothExist(c: Context): Promise<void> {
  await existing(c, c.client.get(`users/${enc(arg(c, 0))}`))
  await existingVhost(c)
}

/** Reads the password from the second argument or standard input. @throws CtlError if it is empty */
function password(c: Context): string {
  const given = c.args[1] ?? readFileSync(0, 'utf8').replace(/\r?\n$/, '')
  if (given === '') throw new CtlError('Password is not provided via argument or stdin', EXIT_DATA)
  return given
}

export const users: Record<string, Command> = {
  add_user: action(
    'USER [PASSWORD]',
    'creates a user; the password can be read from standard input',
    [1, 2],
    (c) => `Adding user "${arg(c, 0)}" ...`,
    async (c) => {
      const existing = await c.client.get<Row[]>('users')
      if (existing.some((u) => u['name'] === arg(c, 0)))
        throw new CtlError(`User "${arg(c, 0)}" already exists`, 70)
      const given = password(c)
      const secret =
        c.options['pre-hashed-password'] === true ? { password_hash: given } : { password: given }
      await c.client.call('PUT', `users/${enc(arg(c, 0))}`, { ...secret, tags: '' })
      return (
        "Done. Don't forget to grant the user permissions to some virtual hosts! " +
        `See '${c.tool} help set_permissions' to learn more.\n`
      )
    },
    ['pre-hashed-password'],
  ),
  delete_user: action(
    'USER',
    'deletes a user',
    [1, 1],
    (c) => `Deleting user "${arg(c, 0)}" ...`,
    (c) => existing(c, c.client.call('DELETE', `users/${enc(arg(c, 0))}`)),
  ),
  change_password: action(
    'USER [PASSWORD]',
    "changes a user's password; it can be read from standard input",
    [1, 2],
    (c) => `Changing password for user "${arg(c, 0)}" ...`,
    async (c) =>
      c.client.call('PUT', `users/${enc(arg(c, 0))}`, {
        password: password(c),
        tags: await tagsOf(c, arg(c, 0)),
      }),
  ),
  hash_password: {
    usage: '[PASSWORD]',
    help: "prints RabbitMQ's hash of a password, which can be read from standard input; needs no broker",
    args: [0, 1],
    banner: () => 'Will hash password ...',
    run: async (c) => {
      const salt = randomBytes(4)
      const text = c.args[0] ?? readFileSync(0, 'utf8').replace(/\r?\n$/, '')
      if (text === '') throw new CtlError('the password must not be empty', EXIT_DATA)
      const digest = createHash('sha256').update(salt).update(text).digest()
      return { text: `${Buffer.concat([salt, digest]).toString('base64')}\n` }
    },
  },
  clear_password: action(
    'USER',
    "removes a user's password; the user can no longer log in with a password",
    [1, 1],
    (c) => `Clearing password for user "${arg(c, 0)}" ...`,
    async (c) =>
      c.client.call('PUT', `users/${enc(arg(c, 0))}`, {
        password_hash: '',
        tags: await tagsOf(c, arg(c, 0)),
      }),
  ),
  set_user_tags: action(
    'USER [TAG ...]',
    'replaces the tags of a user',
    [1, Number.POSITIVE_INFINITY],
    (c) => `Setting tags for user "${arg(c, 0)}" to [${c.args.slice(1).join(', ')}] ...`,
    async (c) => {
      const user = await existing(c, c.client.get<Row>(`users/${enc(arg(c, 0))}`))
      await c.client.call('POST', 'users/tags', { user: user['name'], tags: c.args.slice(1) })
    },
  ),
  set_permissions: action(
    '[-p VHOST] USER CONFIGURE WRITE READ',
    "sets a user's permissions in a vhost",
    [4, 4],
    (c) => `Setting permissions for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    async (c) => {
      await bothExist(c)
      await c.client.call('PUT', `permissions/${enc(c.vhost)}/${enc(arg(c, 0))}`, {
        configure: arg(c, 1),
        write: arg(c, 2),
        read: arg(c, 3),
      })
    },
  ),
  clear_permissions: action(
    '[-p VHOST] USER',
    "revokes a user's permissions in a vhost",
    [1, 1],
    (c) => `Clearing permissions for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    async (c) => {
      await bothExist(c)
      await unlessAbsent(c.client.call('DELETE', `permissions/${enc(c.vhost)}/${enc(arg(c, 0))}`))
    },
  ),
  set_permissions_globally: action(
    'USER CONFIGURE WRITE READ',
    "sets a user's permissions in every vhost",
    [4, 4],
    (c) => `Setting permissions for user "${arg(c, 0)}" in all virtual hosts ...`,
    async (c) => {
      await existing(c, c.client.get(`users/${enc(arg(c, 0))}`))
      for (const { name } of await c.client.get<Row[]>('vhosts'))
        await c.client.call('PUT', `permissions/${enc(String(name))}/${enc(arg(c, 0))}`, {
          configure: arg(c, 1),
          write: arg(c, 2),
          read: arg(c, 3),
        })
    },
  ),
  set_topic_permissions: action(
    '[-p VHOST] USER EXCHANGE WRITE READ',
    'sets the routing keys that a user may use with a topic exchange',
    [4, 4],
    (c) => `Setting topic permissions on "${arg(c, 1)}" for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    async (c) => {
      await bothExist(c)
      await c.client.call('PUT', `topic-permissions/${enc(c.vhost)}/${enc(arg(c, 0))}`, {
        exchange: arg(c, 1),
        write: arg(c, 2),
        read: arg(c, 3),
      })
    },
  ),
  clear_topic_permissions: action(
    '[-p VHOST] USER [EXCHANGE]',
    "removes a user's topic permissions",
    [1, 2],
    (c) =>
      `Clearing topic permissions ${c.args.length > 1 ? `on "${arg(c, 1)}" ` : ''}for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    async (c) => {
      await bothExist(c)
      const path = `topic-permissions/${enc(c.vhost)}/${c.args.map(enc).join('/')}`
      await unlessAbsent(c.client.call('DELETE', path))
    },
  ),
  set_user_limits: action(
    'USER JSON',
    'limits the connections and channels of a user',
    [2, 2],
    (c) => `Setting user limits to "${arg(c, 1)}" for user "${arg(c, 0)}" ...`,
    async (c) => {
      await existing(c, c.client.get(`users/${enc(arg(c, 0))}`))
      for (const [name, value] of Object.entries(jsonObject(arg(c, 1), 'the limits')))
        await c.client.call('PUT', `user-limits/${enc(arg(c, 0))}/${enc(name)}`, { value })
    },
  ),
  clear_user_limits: action(
    'USER NAME',
    'removes a limit of a user, or all limits',
    [2, 2],
    (c) =>
      `Clearing ${arg(c, 1) === 'all' ? 'all limits' : `"${arg(c, 1)}" limit`} for user "${arg(c, 0)}" ...`,
    async (c) => {
      await existing(c, c.client.get(`users/${enc(arg(c, 0))}`))
      const names = arg(c, 1) === 'all' ? ['max-connections', 'max-channels'] : [arg(c, 1)]
      for (const name of names) await c.client.call('DELETE', `user-limits/${enc(arg(c, 0))}/${enc(name)}`)
    },
  ),
}
