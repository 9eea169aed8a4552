/** Shovel commands, with the names of RabbitMQ's plugin. Shovels are created with set_parameter. */
import {
  action,
  arg,
  type Command,
  type Context,
  EXIT_UNAVAILABLE,
  enc,
  orElse,
  type Result,
} from './command.ts'
import type { Row } from './output.ts'

const columns = [
  'name',
  'vhost',
  'type',
  'state',
  'source',
  'destination',
  'last_changed',
  'termination_reason',
]

async function status(c: Context): Promise<Result> {
  const found = await c.client.get<Row[]>('shovels')
  const rows = found.map((s) => ({
    name: s['name'],
    vhost: s['vhost'],
    type: s['type'],
    state: s['state'],
    source_protocol: s['src_protocol'],
    source: s['src_uri'],
    destination_protocol: s['dest_protocol'],
    destination: s['dest_uri'],
    blocked_status: s['blocked_status'],
    last_changed: s['timestamp'],
    termination_reason: s['reason'],
  }))
  return { rows, columns: c.args.length > 0 ? c.args : columns }
}

const path = (c: Context): string => `shovels/vhost/${enc(c.vhost)}/${enc(arg(c, 0))}`

function ofShovel(c: Context, answer: Promise<unknown>): Promise<unknown> {
  return orElse(
    answer,
    `Shovel with the given name was not found in virtual host '${c.vhost}'`,
    EXIT_UNAVAILABLE,
  )
}

export const shovels: Readonly<Record<string, Command>> = {
  shovel_status: {
    usage: '[COLUMN ...]',
    help: 'lists shovels and their state',
    args: [0, Number.POSITIVE_INFINITY],
    banner: () => 'Shovel status of the broker ...',
    run: status,
  },
  delete_shovel: action(
    '[-p VHOST] NAME',
    'deletes a shovel',
    [1, 1],
    (c) => `Deleting shovel ${arg(c, 0)} in vhost ${c.vhost} ...`,
    (c) => ofShovel(c, c.client.call('DELETE', path(c))),
  ),
  restart_shovel: action(
    '[-p VHOST] NAME',
    'restarts a shovel',
    [1, 1],
    (c) => `Restarting dynamic Shovel ${arg(c, 0)} in virtual host ${c.vhost} ...`,
    (c) => ofShovel(c, c.client.call('DELETE', `${path(c)}/restart`)),
  ),
}
