/** The library: a broker inside of a Node process. */
import type { Broker } from './broker/broker.ts'
import { defaultSettings } from './config/default-settings.ts'
import type { UserOptions } from './config/settings.ts'
import type { NodeLimits } from './connection/admission.ts'
import type { BrokerNode } from './node/node.ts'
import { startNode } from './node/start.ts'
import { type Administration, administrationOf } from './operations/administration.ts'
import type { Permission } from './security/access.ts'
import { StorageError, type StorageErrorCode } from './storage/storage.ts'
import { discreet, type Logger, oneForAll, silent } from './util/logger.ts'

export { version } from './util/version.ts'
export {
  type Logger,
  type NodeLimits,
  type Permission as PermissionOptions,
  StorageError,
  type StorageErrorCode,
  type UserOptions,
}

export interface BrokerOptions {
  /** TCP port; 0 = any free one. Default 5672. */
  readonly port?: number
  /** Port of the HTTP API; 0 = any free one. Default: no HTTP API. */
  readonly managementPort?: number
  /** Port of Prometheus' metrics; 0 = any free one. Default: none. */
  readonly metricsPort?: number
  /** Address to listen on. Default 127.0.0.1: an embedded broker is nobody else's business. */
  readonly bind?: string
  /** `memory`: nothing outlives the broker. `lmdb`: durable queues are kept in `dataDir`. Default `memory`. */
  readonly storage?: 'memory' | 'lmdb'
  /** The folder of the `lmdb` store; made where it is missing. */
  readonly dataDir?: string
  /** Octets of messages that stay in memory; with `lmdb` the rest waits on disk. Default 16 MiB. */
  readonly messageMemory?: number
  /** Octets of a message's body, at most. Default 128 MiB. */
  readonly maxMessageSize?: number
  /** Connections and consumers; each has its default where it is not given. */
  readonly limits?: Partial<NodeLimits>
  /** Octets of memory from which on publishers are blocked. Default: never. */
  readonly memoryLimit?: number
  /** Octets of free disk below which publishers are blocked. Default: never. */
  readonly diskFreeLimit?: number
  /** ms between readings of the counters from which the HTTP API makes rates. Default 5000. */
  readonly statisticsInterval?: number
  /** Further virtual hosts beside `/`. */
  readonly vhosts?: readonly string[]
  /** Default: guest with password guest, from this machine only. */
  readonly users?: readonly UserOptions[]
  /** Where the broker writes what it does; pino fits. Default: nowhere. */
  readonly logger?: Logger
  /** What clients are told the server is. Default: RabbitMQ 4.2.4, which decides how their libraries behave. */
  readonly product?: string
  readonly productVersion?: string
}

export interface QueueState {
  readonly vhost: string
  readonly name: string
  /** messages waiting, delivered but not acknowledged, and consumers */
  readonly ready: number
  readonly unacked: number
  readonly consumers: number
}

export interface RunningBroker extends Administration {
  readonly port: number
  /** Of the HTTP API. */
  readonly managementPort: number | undefined
  /** Of the metrics. */
  readonly metricsPort: number | undefined
  /** `amqp://guest:guest@127.0.0.1:PORT`, for the first user */
  readonly url: string
  /** All queues as they are now. */
  queues(): QueueState[]
  /** Open connections. */
  connections(): number
  /**
   * Tells the clients, writes what is left and lets go of the port and the folder.
   * @throws StorageError where the disk refuses what is left
   */
  close(): Promise<void>
}

/**
 * Starts a broker in this process.
 * @throws StorageError where the data folder cannot be used; the listen error (EADDRINUSE ...) where the port cannot
 */
export async function createBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const bind = options.bind ?? '127.0.0.1'
  const { product, productVersion, users } = options
  const node = await startNode(
    {
      ...defaultSettings,
      listeners: [{ port: options.port ?? 5672, bind }],
      management: options.managementPort === undefined ? [] : [{ port: options.managementPort, bind }],
      metrics: options.metricsPort === undefined ? [] : [{ port: options.metricsPort, bind }],
      storage: options.storage ?? 'memory',
      dataDir: options.dataDir,
      messageMemory: options.messageMemory ?? defaultSettings.messageMemory,
      maxMessageSize: options.maxMessageSize ?? defaultSettings.maxMessageSize,
      limits: { ...defaultSettings.limits, ...options.limits },
      memoryLimit: options.memoryLimit ?? defaultSettings.memoryLimit,
      diskFreeLimit: options.diskFreeLimit ?? defaultSettings.diskFreeLimit,
      statisticsInterval: options.statisticsInterval ?? defaultSettings.statisticsInterval,
      vhosts: options.vhosts ?? [],
      users,
      loopbackUsers: users === undefined ? ['guest'] : [],
      identity: {
        ...(product === undefined ? {} : { product }),
        ...(productVersion === undefined ? {} : { version: productVersion }),
      },
    },
    oneForAll(options.logger === undefined ? silent : discreet(options.logger)),
  )
  const port = node.ports[0] as number
  return {
    port,
    managementPort: node.managementPort,
    metricsPort: node.metricsPort,
    url: urlOf(users?.[0] ?? defaultSettings.defaultUser, bind, port),
    queues: () => queueStates(node),
    connections: () => node.active?.server.connections.size ?? 0,
    ...administrationOf(() => brokerOf(node)),
    close: () => node.close(),
  }
}

function urlOf(user: UserOptions | undefined, bind: string, port: number): string {
  const host = bind === '0.0.0.0' || bind === '::' ? '127.0.0.1' : bind.includes(':') ? `[${bind}]` : bind
  const login =
    user === undefined ? '' : `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`
  return `amqp://${login}${host}:${port}`
}

/** @throws Error while there is none */
function brokerOf({ active }: BrokerNode): Broker {
  if (active === undefined) throw new Error('the broker is closed')
  return active.model.broker
}

function queueStates({ active }: BrokerNode): QueueState[] {
  if (active === undefined) return []
  const { broker } = active.model
  broker.turn.pumpNow()
  return [...broker.vhosts.values()].flatMap((v) =>
    [...v.queues.values()].map((q) => ({ vhost: v.name, name: q.name, ...q.counts })),
  )
}
