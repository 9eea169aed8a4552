/** Commands specific to rabbitmq-queues, rabbitmq-plugins, rabbitmq-streams and rabbitmq-upgrade. */
import { builtInPlugins as builtIn } from '../../util/built-in-plugins.ts'
import { Pattern } from '../../util/pattern.ts'
import { CtlError } from './client.ts'
import {
  action,
  arg,
  type Command,
  type Context,
  EXIT_SOFTWARE,
  EXIT_UNAVAILABLE,
  orElse,
  queueOf,
  type Result,
  switchListeners,
} from './command.ts'
import type { OptionName } from './options.ts'
import type { Row } from './output.ts'

async function plugins(c: Context): Promise<Result> {
  const pattern = new Pattern(c.args[0] ?? '.*')
  const shown = builtIn.filter((p) => pattern.matches(p))
  if (c.options['minimal'] === true) return { text: shown.map((p) => `${p}\n`).join('') }
  const { rabbitmq_version } = await c.client.get<Row>('overview')
  const width = Math.max(...shown.map((p) => p.length))
  const key = ' Configured: E = explicitly enabled; e = implicitly enabled\n | Status: * = running\n |/\n'
  return { text: key + shown.map((p) => `[E*] ${p.padEnd(width)} ${rabbitmq_version}\n`).join('') }
}

async function areEnabled(c: Context): Promise<Result> {
  const missing = c.args.filter((p) => !builtIn.includes(p))
  if (missing.length > 0) throw new CtlError(`Plugins not enabled: ${missing.join(', ')}`, EXIT_UNAVAILABLE)
  return {
    text: `Plugin${c.args.length > 1 ? 's' : ''} ${c.args.join(', ')} ${c.args.length > 1 ? 'are' : 'is'} enabled\n`,
  }
}

/** @throws CtlError for an unknown plugin */
function known(names: readonly string[]): void {
  const missing = names.filter((p) => !builtIn.includes(p))
  if (missing.length === 0) return
  throw new CtlError(
    `The following plugins could not be found: ${missing.join(', ')}. There is no way to add plugins; what is built in is on`,
    EXIT_SOFTWARE,
  )
}

function enable(options: readonly OptionName[]): Command {
  return action(
    'PLUGIN ...',
    'does nothing for plugins that are built in; fails for others',
    [0, Number.POSITIVE_INFINITY],
    () => 'Enabling plugins on the broker:',
    async (c) => {
      known(c.args)
      return 'Plugin configuration unchanged.\n'
    },
    options,
  )
}

const pluginCommands: Readonly<Record<string, Command>> = {
  list: {
    usage: '[--minimal] [PATTERN]',
    help: 'lists the RabbitMQ plugins whose features are built in',
    args: [0, 1],
    options: ['minimal', 'verbose', 'enabled', 'if-empty'],
    banner: (c) => `Listing plugins with pattern "${c.args[0] ?? '.*'}" ...`,
    run: plugins,
  },
  is_enabled: {
    usage: 'PLUGIN ...',
    help: 'fails if the features of a plugin are not built in',
    args: [1, Number.POSITIVE_INFINITY],
    options: ['online', 'offline'],
    run: areEnabled,
  },
  enable: enable(['online', 'offline', 'all']),
  disable: action(
    'PLUGIN ...',
    'fails: built-in features cannot be disabled',
    [0, Number.POSITIVE_INFINITY],
    () => 'Disabling plugins on the broker:',
    async (c) => {
      known(c.args)
      throw new CtlError(
        'built-in features cannot be disabled; the listeners of the HTTP API and of the metrics are options of the broker',
        EXIT_UNAVAILABLE,
      )
    },
    ['online', 'offline', 'all'],
  ),
  set: enable(['online', 'offline']),
  directories: {
    usage: '',
    help: 'shows the plugin directories: none',
    args: [0, 0],
    options: ['online', 'offline'],
    run: async () => ({ text: 'There are no plugins: their features are built in\n' }),
  },
}

async function replicas(c: Context, kind: 'quorum' | 'stream'): Promise<Result> {
  const path = queueOf(c)
  const q = await orElse(c.client.get<Row>(path), 'not_found', EXIT_UNAVAILABLE)
  if (q['type'] !== kind) throw new CtlError(`the queue is not a ${kind} queue`, EXIT_UNAVAILABLE)
  const row = { node: q['node'], state: 'leader', members: q['members'], messages: q['messages'] }
  return { rows: [row], columns: ['node', 'state', 'members', 'messages'] }
}

const replicaOnly = 'queues have no members of their own; the cluster replicates everything'

function refused(usage: string, why: string): Command {
  return {
    usage,
    help: `not available: ${why}`,
    args: [0, 10],
    options: ['all'],
    run: async () => {
      throw new CtlError(why, EXIT_UNAVAILABLE)
    },
  }
}

/** The queue types that `rabbitmq-queues rebalance` accepts. */
const rebalanced: readonly string[] = ['all', 'classic', 'quorum', 'stream']

export const queueCommands: Readonly<Record<string, Command>> = {
  quorum_status: {
    usage: '[-p VHOST] QUEUE',
    help: 'shows the replicas of a quorum queue: always one',
    args: [1, 1],
    banner: (c) => `Status of quorum queue ${arg(c, 0)} ...`,
    run: (c) => replicas(c, 'quorum'),
  },
  stream_status: {
    usage: '[-p VHOST] STREAM',
    help: 'shows the replicas of a stream: always one',
    args: [1, 1],
    banner: (c) => `Status of stream ${arg(c, 0)} ...`,
    run: (c) => replicas(c, 'stream'),
  },
  reclaim_quorum_memory: {
    usage: '[-p VHOST] QUEUE',
    help: 'does nothing: memory is freed automatically',
    args: [1, 1],
    banner: (c) => `Will flush the log of quorum queue ${arg(c, 0)} ...`,
    run: async (c) => {
      await replicas(c, 'quorum')
      return {}
    },
  },
  rebalance: {
    usage: '[TYPE]',
    help: 'does nothing: every queue is on the active node',
    args: [0, 1],
    banner: () => 'Re-balancing leaders of all queues ...',
    run: async (c) => {
      const [type = 'all'] = c.args
      if (!rebalanced.includes(type))
        throw new CtlError(
          `type ${type} is not supported. Try one of ${rebalanced.join(', ')}.`,
          EXIT_UNAVAILABLE,
        )
      const queues = await c.client.get<Row[]>('queues')
      const [node] = await c.client.get<Row[]>('nodes')
      const count = queues.filter((q) => q['type'] === 'quorum').length
      return {
        rows: [{ 'Node name': node?.['name'], 'Number of quorum queues': count }],
        columns: ['Node name', 'Number of quorum queues'],
      }
    },
  },
  add_member: refused('QUEUE NODE', replicaOnly),
  delete_member: refused('QUEUE NODE', replicaOnly),
  grow: refused('NODE STRATEGY', replicaOnly),
  shrink: refused('NODE', replicaOnly),
  add_replica: refused('STREAM NODE', replicaOnly),
  delete_replica: refused('STREAM NODE', replicaOnly),
}

/** `peek` of rabbitmq-queues, which takes a position. */
const peekAt: Command = {
  usage: '[-p VHOST] QUEUE POSITION',
  help: 'shows the message at a position in the queue, counted from 1, without consuming it',
  args: [2, 2],
  banner: (c) => `Peeking at queue ${arg(c, 0)} at position ${arg(c, 1)} ...`,
  run: async (c) => {
    const at = Number(arg(c, 1))
    if (!Number.isInteger(at) || at < 1) throw new CtlError('a position is a whole number from 1', 64)
    const path = `${queueOf(c)}/peek?count=1&offset=${at - 1}`
    const missing = `Target queue was not found in virtual host '${c.vhost}'`
    const [found] = await orElse(c.client.get<Row[]>(path), missing, EXIT_UNAVAILABLE)
    if (found === undefined)
      throw new CtlError('Target queue does not have a message at that position', EXIT_UNAVAILABLE)
    return {
      rows: Object.entries(found).map(([keys, values]) => ({ keys, values })),
      columns: ['keys', 'values'],
    }
  },
}

export const listenerCommands: Readonly<Record<string, Command>> = {
  suspend_listeners: action(
    '',
    'closes all AMQP connections and accepts no new ones',
    [0, 0],
    () => 'Will suspend client connection listeners. The broker will no longer accept client connections!',
    (c) => switchListeners(c, 'stop_app'),
  ),
  resume_listeners: action(
    '',
    'accepts AMQP connections again',
    [0, 0],
    () => 'Will resume client connection listeners. The broker will now accept client connections',
    (c) => switchListeners(c, 'start_app'),
  ),
}

/** Succeeds if a broker answers. */
function nothingToAwait(why: string): Command {
  return {
    usage: '',
    help: `returns at once: ${why}`,
    args: [0, 0],
    run: async (c) => {
      await c.client.get('whoami')
      return {}
    },
  }
}

const upgradeCommands: Readonly<Record<string, Command>> = {
  drain: action(
    '',
    'closes all AMQP connections and accepts no new ones',
    [0, 0],
    () => 'Will put the broker into maintenance mode ...',
    (c) => switchListeners(c, 'stop_app'),
  ),
  revive: action(
    '',
    'accepts AMQP connections again',
    [0, 0],
    () => 'Will undo maintenance mode of the broker ...',
    (c) => switchListeners(c, 'start_app'),
  ),
  await_online_quorum_plus_one: nothingToAwait('queues have no members of their own'),
  await_online_synchronized_mirror: nothingToAwait('classic queues have no mirrors'),
  post_upgrade: {
    usage: '',
    help: 'does nothing: the broker converts older data folders when it starts',
    args: [0, 0],
    run: async () => ({ text: 'Nothing to do\n' }),
  },
}

/** Commands by tool name; they take precedence over the commands that all tools have. */
export const toolCommands: Readonly<Record<string, Readonly<Record<string, Command>>>> = {
  'rabbitmq-queues': { peek: peekAt },
  'rabbitmq-plugins': pluginCommands,
  'rabbitmq-upgrade': upgradeCommands,
}
