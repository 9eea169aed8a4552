import { setTimeout as sleep } from 'node:timers/promises'
import { CtlError } from './client.ts'
import {
  action,
  arg,
  type Command,
  type Context,
  EXIT_DATA,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
  enc,
  existingVhost,
  json,
  jsonObject,
  numberOption,
  ofExistingVhost,
  orElse,
  queueOf,
  unlessAbsent,
} from './command.ts'

/** @param said the noun in the banner of the command that sets it */
export function policy(resource: string, what: string, said: string): Record<string, Command> {
  return {
    [`set_${what}`]: action(
      '[-p VHOST] [--priority N] [--apply-to WHAT] NAME PATTERN DEFINITION',
      what === 'policy' ? 'sets a policy' : 'sets an operator policy',
      [3, 3],
      (c) =>
        `Setting ${said} "${arg(c, 0)}" for pattern "${arg(c, 1)}" to "${arg(c, 2)}" with priority "${c.options['priority'] ?? 0}" for vhost "${c.vhost}" ...`,
      (c) =>
        c.client.call('PUT', `${resource}/${enc(c.vhost)}/${enc(arg(c, 0))}`, {
          pattern: arg(c, 1),
          definition: json(arg(c, 2), 'the definition'),
          priority: priorityOf(c),
          'apply-to': c.options['apply-to'] ?? 'all',
        }),
      ['priority', 'apply-to'],
    ),
    [`clear_${what}`]: action(
      '[-p VHOST] NAME',
      what === 'policy' ? 'clears a policy' : 'clears an operator policy',
      [1, 1],
      (c) => `Clearing ${what.replace('_', ' ')} "${arg(c, 0)}" on vhost "${c.vhost}" ...`,
      (c) =>
        orElse(
          c.client.call('DELETE', `${resource}/${enc(c.vhost)}/${enc(arg(c, 0))}`),
          'Parameter does not exist',
          EXIT_UNAVAILABLE,
        ),
    ),
  }
}

function priorityOf(c: Context): number {
  const text = c.options['priority'] ?? '0'
  if (!/^-?\d+$/.test(String(text))) throw new CtlError(`--priority takes a whole number, not '${text}'`, 64)
  return Number(text)
}

async function addVhost(c: Context): Promise<unknown> {
  const { description, tags } = c.options
  return await c.client.call('PUT', `vhosts/${enc(arg(c, 0))}`, {
    ...(description === undefined ? {} : { description }),
    ...(typeof tags === 'string' ? { tags: tags.split(',') } : {}),
    ...(c.options['default-queue-type'] === undefined
      ? {}
      : { default_queue_type: c.options['default-queue-type'] }),
  })
}

function conditions(c: Context): string {
  const { options } = c
  const both = [
    options['if-empty'] === true && 'if queue is empty',
    options['if-unused'] === true && 'if queue is unused',
  ]
  return both.filter((t) => t !== false).join(' and ')
}

async function deleteQueue(c: Context): Promise<string> {
  const path = queueOf(c)
  const q = await orElse(c.client.get<{ messages_ready?: number }>(path), 'Queue not found', EXIT_USAGE)
  const { options } = c
  await c.client.call(
    'DELETE',
    `${path}?if-empty=${options['if-empty'] === true}&if-unused=${options['if-unused'] === true}`,
  )
  return `Queue was successfully deleted with ${q.messages_ready ?? 0} ready messages\n`
}

/** Closes the connections that `wanted` selects: at most --limit, with a delay after each. */
async function closeConnections(
  c: Context,
  reason: string,
  wanted: (o: Readonly<Record<string, unknown>>) => boolean,
): Promise<string> {
  const all = (await c.client.get<Readonly<Record<string, unknown>>[]>('connections')).filter(wanted)
  const limit = numberOption(c, 'limit')
  const chosen = limit === undefined || limit === 0 ? all : all.slice(0, limit)
  const pause = numberOption(c, 'per-connection-delay') ?? 0
  for (const o of chosen) {
    // It may have ended since the listing.
    await unlessAbsent(
      c.client.call('DELETE', `connections/${enc(String(o['name']))}`, undefined, { 'x-reason': reason }),
    )
    if (pause > 0) await sleep(pause)
  }
  return `Closed ${chosen.length} connections\n`
}

const limitsPath = (c: Context): string => `parameters/vhost-limits/${enc(c.vhost)}/limits`

async function trace(c: Context, tracing: boolean): Promise<string> {
  const path = `vhosts/${enc(c.vhost)}`
  await ofExistingVhost(c.vhost, c.client.get(path))
  await c.client.call('PUT', path, { tracing })
  return `Trace ${tracing ? 'enabled' : 'disabled'} for vhost ${c.vhost}\n`
}

export const objects: Record<string, Command> = {
  add_vhost: action(
    '[--description TEXT] [--tags A,B] [--default-queue-type TYPE] VHOST',
    'creates a vhost',
    [1, 1],
    (c) => `Adding vhost "${arg(c, 0)}" ...`,
    addVhost,
    ['description', 'tags', 'default-queue-type'],
  ),
  delete_vhost: action(
    'VHOST',
    'deletes a vhost and everything in it',
    [1, 1],
    (c) => `Deleting vhost "${arg(c, 0)}" ...`,
    (c) => ofExistingVhost(arg(c, 0), c.client.call('DELETE', `vhosts/${enc(arg(c, 0))}`)),
  ),
  set_vhost_limits: action(
    '[-p VHOST] JSON',
    'limits the connections and queues of a vhost',
    [1, 1],
    (c) => `Setting vhost limits to "${arg(c, 0)}" for vhost "${c.vhost}" ...`,
    // Replaces all limits of the vhost, as in RabbitMQ.
    (c) =>
      ofExistingVhost(
        c.vhost,
        c.client.call('PUT', limitsPath(c), { value: jsonObject(arg(c, 0), 'the limits') }),
      ),
  ),
  clear_vhost_limits: action(
    '[-p VHOST]',
    'removes the limits of a vhost',
    [0, 0],
    (c) => `Clearing vhost "${c.vhost}" limits ...`,
    async (c) => {
      await existingVhost(c)
      await unlessAbsent(c.client.call('DELETE', limitsPath(c)))
    },
  ),
  purge_queue: action(
    '[-p VHOST] QUEUE',
    'deletes all ready messages of a queue',
    [1, 1],
    (c) => `Purging queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    (c) =>
      orElse(
        c.client.call('DELETE', `${queueOf(c)}/contents`),
        'Object (queue, stream, exchange, etc) was not found',
        EXIT_DATA,
      ),
  ),
  delete_queue: action(
    '[-p VHOST] [--if-empty] [--if-unused] QUEUE',
    'deletes a queue',
    [1, 1],
    (c) => `Deleting queue '${arg(c, 0)}' on vhost '${c.vhost}' ${conditions(c)}${conditions(c) && ' '}...`,
    deleteQueue,
    ['if-empty', 'if-unused'],
  ),
  close_connection: action(
    'NAME REASON',
    'closes a connection',
    [2, 2],
    (c) => `Closing connection ${arg(c, 0)}, reason: ${arg(c, 1)}...`,
    (c) =>
      orElse(
        c.client.call('DELETE', `connections/${enc(arg(c, 0))}`, undefined, { 'x-reason': arg(c, 1) }),
        `There is no connection '${arg(c, 0)}'`,
        EXIT_UNAVAILABLE,
      ),
  ),
  close_all_connections: action(
    '[-p VHOST | --global] [--limit N] [--per-connection-delay MS] REASON',
    'closes all connections of a vhost, or with --global of all vhosts',
    [1, 1],
    (c) =>
      `Closing all connections ${c.options['global'] === true ? 'across all vhosts' : `in vhost ${c.vhost}`}, reason: ${arg(c, 0)}...`,
    (c) => closeConnections(c, arg(c, 0), (o) => c.options['global'] === true || o['vhost'] === c.vhost),
    ['global', 'limit', 'per-connection-delay'],
  ),
  close_all_user_connections: action(
    'USER REASON',
    'closes the connections of a user',
    [2, 2],
    (c) => `Closing connections of user ${arg(c, 0)}, reason: ${arg(c, 1)}...`,
    (c) => closeConnections(c, arg(c, 1), (o) => o['user'] === arg(c, 0)),
    ['limit', 'per-connection-delay'],
  ),
  trace_on: action(
    '[-p VHOST]',
    'turns on the firehose, which copies all messages of a vhost to amq.rabbitmq.trace',
    [0, 0],
    (c) => `Starting tracing for vhost "${c.vhost}" ...`,
    (c) => trace(c, true),
  ),
  trace_off: action(
    '[-p VHOST]',
    'turns off the firehose',
    [0, 0],
    (c) => `Stopping tracing for vhost "${c.vhost}" ...`,
    (c) => trace(c, false),
  ),
}
