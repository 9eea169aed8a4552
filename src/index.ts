/** The library: a broker inside of a Node process. */
import { defaultSettings } from './config/default-settings.ts'
import type { UserOptions } from './config/settings.ts'
import type { NodeLimits } from './connection/admission.ts'
import {
  type Administration,
  administrationOf,
  type InVhost,
  type PolicyOptions,
  type QueueCondition,
  type QueueState,
  type WaitOptions,
} from './embedding/administration.ts'
import { BrokerError, type BrokerErrorCode } from './embedding/broker-error.ts'
import { type ClusterOptions, checkClusterOptions } from './embedding/cluster-options.ts'
import { checkResetOptions } from './embedding/method-arguments.ts'
import { type BrokerOptions, checkOptions, OptionError, settingsOf } from './embedding/options.ts'
import type { TestCluster } from './embedding/test-cluster.ts'
import { startNode } from './node/start.ts'
import type { PolicyRequest } from './operations/policies.ts'
import type { RedriveOptions, RedriveResult } from './operations/redrive.ts'
import type { Permission } from './security/access.ts'
import { StorageError, type StorageErrorCode } from './storage/storage.ts'
import { discreet, type Logger, type Loggers, oneForAll, silent } from './util/logger.ts'

export type { TestCluster, TestNode } from './embedding/test-cluster.ts'
export { version } from './util/version.ts'
export {
  type Administration,
  BrokerError,
  type BrokerErrorCode,
  type BrokerOptions,
  type ClusterOptions,
  type InVhost,
  type Logger,
  type NodeLimits,
  OptionError,
  type Permission as PermissionOptions,
  type PolicyOptions,
  type PolicyRequest,
  type QueueCondition,
  type QueueState,
  type RedriveOptions,
  type RedriveResult,
  StorageError,
  type StorageErrorCode,
  type UserOptions,
  type WaitOptions,
}

export interface ResetOptions {
  /** Connections stay open and only lose their queues. Default: all are closed, with 320 CONNECTION_FORCED. */
  readonly keepConnections?: boolean
}

export interface RunningBroker extends Administration, AsyncDisposable {
  readonly port: number
  /** Port of the HTTP API. */
  readonly managementPort: number | undefined
  /** Port of the metrics. */
  readonly metricsPort: number | undefined
  /** `amqp://guest:guest@127.0.0.1:PORT`, for the first user; without user and password if there is no user. */
  readonly url: string
  /** Number of open connections. */
  connections(): number
  /**
   * Restores the state of a broker newly started with the same options: no messages, queues, exchanges, bindings or
   * policies, and only the users and vhosts of the options. The ports stay open.
   * @throws BrokerError CLOSED; StorageError
   */
  reset(options?: ResetOptions): Promise<void>
  /**
   * Notifies clients, writes pending changes and releases the port and the folder. `await using` does so, too.
   * @throws StorageError if the store refuses pending changes
   */
  close(): Promise<void>
}

/** In releases of Node without it: the registered symbol that polyfills use. */
const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

/**
 * Starts a broker in this process.
 * @throws OptionError, a TypeError that names the option; StorageError if the data folder cannot be used; the listen
 * error (EADDRINUSE ...) if the port cannot. All have a `code`, and leave nothing open.
 */
export async function createBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  checkOptions(options)
  const settings = settingsOf(options)
  const node = await startNode(settings, loggersOf(options))
  const port = node.ports[0] as number
  const { defaultUser } = defaultSettings
  const users = settings.users ?? (defaultUser === undefined ? [] : [defaultUser])
  const namesEverywhere = (): string[] => users.filter((u) => u.permissions === undefined).map((u) => u.name)
  const everywhere = new Set(namesEverywhere())
  const close = (): Promise<void> => node.close()
  return {
    port,
    managementPort: node.managementPort,
    metricsPort: node.metricsPort,
    url: urlOf(users[0], settings.listeners[0]?.bind ?? '', port),
    connections: () => node.active?.server.connections.size ?? 0,
    ...administrationOf(() => node.active, everywhere),
    async reset(o = {}) {
      checkResetOptions(o, 'options')
      const { keepConnections = false } = o
      const { active } = node
      if (active === undefined) throw new BrokerError('CLOSED', 'the broker is closed')
      const { resetBroker } = await import('./node/reset.ts')
      everywhere.clear()
      for (const name of namesEverywhere()) everywhere.add(name)
      await resetBroker(active, settings, keepConnections)
    },
    close,
    [asyncDispose]: close,
  }
}

function loggersOf({ logger }: { readonly logger?: Logger }): Loggers {
  return oneForAll(logger === undefined ? silent : discreet(logger))
}

/**
 * Starts a cluster in this process, with a log in memory: for tests of how programs cope with the failure of a node.
 * Resolves when one of the nodes is active.
 * @throws OptionError
 */
export async function createCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  checkClusterOptions(options)
  const { nodes = 3, management = false, failoverAfter = 1000, ...more } = options
  const settings = settingsOf({ ...more, port: 0, ...(management ? { managementPort: 0 } : {}) })
  const { TestCluster: Cluster } = await import('./embedding/test-cluster.ts')
  const names = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, i) => `node-${i + 1}`) : nodes
  const user = (settings.users ?? [defaultSettings.defaultUser])[0]
  return await Cluster.start(
    names,
    { settings, loggers: loggersOf(options), failoverAfterMs: failoverAfter },
    (port) => urlOf(user, settings.listeners[0]?.bind ?? '', port),
  )
}

function urlOf(user: UserOptions | undefined, bind: string, port: number): string {
  const host = bind === '0.0.0.0' || bind === '::' ? '127.0.0.1' : bind.includes(':') ? `[${bind}]` : bind
  const login =
    user === undefined ? '' : `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`
  return `amqp://${login}${host}:${port}`
}
