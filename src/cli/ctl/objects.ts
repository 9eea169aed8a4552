import { action, arg, type Command, enc, json } from './command.ts'
import type { Row } from './output.ts'

export function policy(resource: string, what: string): Record<string, Command> {
  return {
    [`set_${what}`]: action(
      '[-p VHOST] [--priority N] [--apply-to WHAT] NAME PATTERN DEFINITION',
      `sets a ${what}`,
      [3, 3],
      (c) =>
        `Setting ${what} "${arg(c, 0)}" for pattern "${arg(c, 1)}" to "${arg(c, 2)}" with priority "${c.options['priority'] ?? 0}" for vhost "${c.vhost}" ...`,
      (c) =>
        c.client.call('PUT', `${resource}/${enc(c.vhost)}/${enc(arg(c, 0))}`, {
          pattern: arg(c, 1),
          definition: json(arg(c, 2), 'the definition'),
          priority: Number(c.options['priority'] ?? 0),
          'apply-to': c.options['apply-to'] ?? 'all',
        }),
    ),
    [`clear_${what}`]: action(
      '[-p VHOST] NAME',
      `removes a ${what}`,
      [1, 1],
      (c) => `Clearing ${what} "${arg(c, 0)}" on vhost "${c.vhost}" ...`,
      (c) => c.client.call('DELETE', `${resource}/${enc(c.vhost)}/${enc(arg(c, 0))}`),
    ),
  }
}

export const objects: Record<string, Command> = {
  add_vhost: action(
    'VHOST',
    'makes a vhost',
    [1, 1],
    (c) => `Adding vhost "${arg(c, 0)}" ...`,
    (c) =>
      c.client.call('PUT', `vhosts/${enc(arg(c, 0))}`, {
        ...(c.options['description'] === undefined ? {} : { description: c.options['description'] }),
        ...(c.options['default-queue-type'] === undefined
          ? {}
          : { default_queue_type: c.options['default-queue-type'] }),
      }),
  ),
  delete_vhost: action(
    'VHOST',
    'removes a vhost and all that is in it',
    [1, 1],
    (c) => `Deleting vhost "${arg(c, 0)}" ...`,
    (c) => c.client.call('DELETE', `vhosts/${enc(arg(c, 0))}`),
  ),
  set_vhost_limits: action(
    '[-p VHOST] JSON',
    'limits connections and queues of a vhost',
    [1, 1],
    (c) => `Setting vhost limits to "${arg(c, 0)}" for vhost "${c.vhost}" ...`,
    async (c) => {
      for (const [name, value] of Object.entries(json(arg(c, 0), 'the limits') as Row))
        await c.client.call('PUT', `vhost-limits/${enc(c.vhost)}/${enc(name)}`, { value })
    },
  ),
  clear_vhost_limits: action(
    '[-p VHOST]',
    'removes the limits of a vhost',
    [0, 0],
    (c) => `Clearing vhost "${c.vhost}" limits ...`,
    async (c) => {
      const [limits] = await c.client.get<Row[]>(`vhost-limits/${enc(c.vhost)}`)
      for (const name of Object.keys((limits?.['value'] ?? {}) as Row))
        await c.client.call('DELETE', `vhost-limits/${enc(c.vhost)}/${enc(name)}`)
    },
  ),
  purge_queue: action(
    '[-p VHOST] QUEUE',
    'drops the ready messages of a queue',
    [1, 1],
    (c) => `Purging queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    (c) => c.client.call('DELETE', `queues/${enc(c.vhost)}/${enc(arg(c, 0))}/contents`),
  ),
  delete_queue: action(
    '[-p VHOST] [--if-empty] [--if-unused] QUEUE',
    'deletes a queue',
    [1, 1],
    (c) => `Deleting queue '${arg(c, 0)}' on vhost '${c.vhost}' ...`,
    (c) =>
      c.client.call(
        'DELETE',
        `queues/${enc(c.vhost)}/${enc(arg(c, 0))}?if-empty=${c.options['if-empty'] === true}&if-unused=${c.options['if-unused'] === true}`,
      ),
  ),
  close_connection: action(
    'NAME REASON',
    'closes a connection',
    [2, 2],
    (c) => `Closing connection ${arg(c, 0)}, reason: ${arg(c, 1)}...`,
    (c) => c.client.call('DELETE', `connections/${enc(arg(c, 0))}`, undefined, { 'x-reason': arg(c, 1) }),
  ),
  close_all_connections: action(
    'REASON',
    'closes all connections, or those of -p VHOST',
    [1, 1],
    (c) => `Closing all connections, reason: ${arg(c, 0)}...`,
    async (c) => {
      const all = await c.client.get<Row[]>('connections')
      for (const o of all.filter((x) => c.options['vhost'] === undefined || x['vhost'] === c.vhost))
        await c.client.call('DELETE', `connections/${enc(String(o['name']))}`, undefined, {
          'x-reason': arg(c, 0),
        })
    },
  ),
  trace_on: action(
    '[-p VHOST]',
    'turns the firehose on',
    [0, 0],
    (c) => `Starting tracing for vhost "${c.vhost}" ...`,
    (c) => c.client.call('PUT', `vhosts/${enc(c.vhost)}`, { tracing: true }),
  ),
  trace_off: action(
    '[-p VHOST]',
    'turns the firehose off',
    [0, 0],
    (c) => `Stopping tracing for vhost "${c.vhost}" ...`,
    (c) => c.client.call('PUT', `vhosts/${enc(c.vhost)}`, { tracing: false }),
  ),
}
