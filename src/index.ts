/** The library: a broker inside of a Node process. */
import { hostname } from 'node:os'
import { type Administration, administrationOf } from './administration.ts'
import { Broker } from './broker/broker.ts'
import { systemClock } from './broker/clock.ts'
import { Server } from './connection/server.ts'
import { MESSAGE_MEMORY_BYTES } from './limits.ts'
import { defaultUsers, type PermissionOptions, type UserOptions, Users } from './security/users.ts'
import { GroupCommit } from './storage/batch.ts'
import { LmdbStorage } from './storage/lmdb/lmdb-storage.ts'
import { MemoryStorage } from './storage/memory/memory-storage.ts'
import { type Storage, StorageError, type StorageErrorCode } from './storage/storage.ts'
import { type Logger, silent } from './util/logger.ts'

export { version } from './util/version.ts'
export { type Logger, type PermissionOptions, StorageError, type StorageErrorCode, type UserOptions }

export interface BrokerOptions {
  /** TCP port; 0 = any free one. Default 5672. */
  readonly port?: number
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
  /** Further virtual hosts beside `/`. */
  readonly vhosts?: readonly string[]
  /** Default: guest with password guest, from this machine only. */
  readonly users?: readonly UserOptions[]
  /** Where the broker writes what it does; pino fits. Default: nowhere. */
  readonly logger?: Logger
  /** What clients are told the server is. Default: RabbitMQ 3.13.7, which decides how their libraries behave. */
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
  const logger = options.logger ?? silent
  const storage = await openStorage(options)
  const commit = new GroupCommit(storage, systemClock)
  const broker = new Broker(storage, commit, systemClock, {
    messageMemoryBytes: options.messageMemory ?? MESSAGE_MEMORY_BYTES,
    messageBytesMax: options.maxMessageSize,
  })
  commit.onFailure((error) =>
    logger.error({ err: error }, 'cannot write to the store; trying again, nothing is confirmed meanwhile'),
  )
  const users = options.users ?? defaultUsers
  const loopbackOnly = options.users === undefined ? ['guest'] : []
  const server = new Server(broker, new Users(users, loopbackOnly), logger, { identity: identityOf(options) })
  const bind = options.bind ?? '127.0.0.1'
  let port: number
  try {
    broker.load()
    for (const v of options.vhosts ?? []) broker.addVhost(v)
    await commit.settled()
    port = await server.listen(options.port ?? 5672, bind)
  } catch (error) {
    broker.stop()
    await storage.close()
    throw error
  }
  let closing: Promise<void> | undefined
  return {
    port,
    url: urlOf(users[0], bind, port),
    queues: () => queueStates(broker),
    connections: () => server.connections.size,
    ...administrationOf(broker),
    close: () => {
      closing ??= closeAll(server, broker, commit, storage)
      return closing
    },
  }
}

function openStorage(options: BrokerOptions): Promise<Storage> | Storage {
  if ((options.storage ?? 'memory') === 'memory') return new MemoryStorage()
  if (options.dataDir === undefined) throw new TypeError("storage 'lmdb' needs a dataDir")
  return LmdbStorage.open(options.dataDir)
}

function identityOf(o: BrokerOptions): { product?: string; version?: string; clusterName: string } {
  return {
    ...(o.product === undefined ? {} : { product: o.product }),
    ...(o.productVersion === undefined ? {} : { version: o.productVersion }),
    clusterName: `leveret@${hostname()}`,
  }
}

function urlOf(user: UserOptions | undefined, bind: string, port: number): string {
  const host = bind === '0.0.0.0' || bind === '::' ? '127.0.0.1' : bind.includes(':') ? `[${bind}]` : bind
  const login =
    user === undefined ? '' : `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`
  return `amqp://${login}${host}:${port}`
}

function queueStates(broker: Broker): QueueState[] {
  broker.turn.pumpNow()
  return [...broker.vhosts.values()].flatMap((v) =>
    [...v.queues.values()].map((q) => ({ vhost: v.name, name: q.name, ...q.counts })),
  )
}

async function closeAll(
  server: Server,
  broker: Broker,
  commit: GroupCommit,
  storage: Storage,
): Promise<void> {
  await server.close()
  broker.stop()
  try {
    await commit.close()
  } finally {
    await storage.close()
  }
}
