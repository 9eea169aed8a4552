/** Connects to NATS, with the configured credentials. */
import {
  AuthorizationError,
  connect as connectNats,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node'
import { type Clock, pauseOn } from '../util/clock.ts'
import { clientKeyExchange } from '../util/key-exchange.ts'
import type { Logger } from '../util/logger.ts'
import { EngineError } from './engine.ts'
import { fromAddresses, fromFile } from './nats-credentials.ts'

const RECONNECT_MS = 100
const CONNECT_MS_MAX = 2000
const PING_MS = 2000
const RETRY_MS = 500
/** ms between two log lines while no server answers. */
const LOG_MS = 10_000

export interface NatsSettings {
  readonly urls: readonly string[]
  readonly cluster: string
  readonly node: string
  /** Number of copies of the log, each on a server of its own. */
  readonly replicas: number
  /**
   * A credentials file, or a file with the seed of an nkey; undefined if the addresses contain credentials or none are
   * needed.
   */
  readonly credentials: string | undefined
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
}

/** Retries while no server can be reached. @throws EngineError UNFIT if the login is refused, AWAY if aborted */
export async function connectPatiently(
  settings: NatsSettings,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const where = shown(settings.urls)
  const options = usable(settings)
  let logged = Number.NEGATIVE_INFINITY
  for (;;) {
    try {
      return await connectNats(options)
    } catch (error) {
      const { message } = error as Error
      if (error instanceof AuthorizationError || !isConnecting(error))
        throw new EngineError('UNFIT', `cannot connect to NATS at ${where}: ${message}`, error)
      if (signal.aborted) throw new EngineError('AWAY', `NATS cannot be reached at ${where}`, error)
      if (clock.elapsed() - logged > LOG_MS) logger.warn({ err: message }, `waiting for NATS at ${where}`)
      logged = Math.max(logged, clock.elapsed())
    }
    await pauseOn(clock, RETRY_MS)
  }
}

/** @throws EngineError UNFIT */
function usable(settings: NatsSettings): NodeConnectionOptions {
  try {
    return optionsOf(settings)
  } catch (error) {
    throw new EngineError('UNFIT', (error as Error).message, error)
  }
}

/** Codes of TLS errors about certificates; retrying does not resolve them. */
const TLS_CODE = /CERT|SIGNATURE|ISSUER|^ERR_(SSL|TLS|OSSL)/

/** Whether the error means that no server answers at the moment. */
function isConnecting(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string }
  if (code !== undefined) return !TLS_CODE.test(code)
  return name === 'ConnectionError' || name === 'TimeoutError' || name === 'ClosedConnectionError'
}

function optionsOf({ urls, node, credentials, tls }: NatsSettings): NodeConnectionOptions {
  const options: NodeConnectionOptions = {
    servers: urls.map((u) => new URL(u).host),
    name: `leveret ${node}`,
    // The first address is that of the server on this machine.
    noRandomize: true,
    ignoreClusterUpdates: true,
    maxReconnectAttempts: -1,
    // While a password is being changed, some servers refuse it and others accept it.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    timeout: CONNECT_MS_MAX,
    pingInterval: PING_MS,
    maxPingOut: 2,
  }
  if (credentials !== undefined) options.authenticator = fromFile(credentials)
  else Object.assign(options, fromAddresses(urls))
  if (tls !== undefined || urls.some((u) => u.startsWith('tls:')))
    options.tls = {
      // The client passes on what it does not know.
      ...clientKeyExchange(),
      ...(tls?.ca === undefined ? {} : { caFile: tls.ca }),
      ...(tls?.cert === undefined ? {} : { certFile: tls.cert }),
      ...(tls?.key === undefined ? {} : { keyFile: tls.key }),
    }
  return options
}

/** The addresses without passwords. */
export function shown(urls: readonly string[]): string {
  return urls.map((u) => new URL(u).host).join(', ')
}
