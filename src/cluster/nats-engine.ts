/**
 * NATS JetStream as the engine: a replicated stream holds the log, and plain NATS messages carry the calls. Only these
 * functions of JetStream are used: append with acknowledgement, reading in order, and purge below a sequence. All
 * others have lost data under kill -9 (docs/cluster.md).
 */
import { type Msg, type NatsConnection, nuid } from '@nats-io/transport-node'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { type Engine, EngineError, type LogBounds, type LogListener, type Unsubscribe } from './engine.ts'
import {
  type ApiError,
  ApiErrorCode,
  checkedInfo,
  consumerConfig,
  copyOf,
  identityOf,
  isNew,
  objectIn,
  pubAckOf,
  type StreamInfo,
  streamConfig,
  unfitStream,
  versionProblem,
} from './nats-api.ts'
import { connectPatiently, type NatsSettings, shown } from './nats-connect.ts'
import { NatsReader } from './nats-reader.ts'
import { PART_BYTES_MAX } from './record.ts'

/** ms after which an unanswered append fails. */
const APPEND_MS_MAX = 1500
const REQUEST_MS_MAX = 3000
const NO_RESPONDERS = 503
/**
 * ms without an answer from JetStream after which another server is tried: longer than the election of a leader takes.
 */
const ELSEWHERE_MS = 12_000
/** ms until a server that may not be used is left. */
const UNFIT_MS = 1000
/** Octets of overhead around a part of a batch. */
const RECORD_EXTRA_BYTES = 1024

export class NatsEngine implements Engine {
  connected = true
  private readonly connection: NatsConnection
  private readonly settings: NatsSettings
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly subject: string
  private readonly stream: string
  private readonly callSubject: string
  /**
   * Prefix of the subjects of acknowledgements, which share a subscription: one request per append takes three times as
   * long.
   */
  private readonly inbox: string
  private readonly pending = new Map<string, { resolve(): void; reject(error: EngineError): void }>()
  private readonly readers = new Set<NatsReader>()
  private count = 0
  private closed = false
  private unfit: string | undefined
  /** Since when JetStream has not answered. */
  private silentSince: number | undefined
  /** Name of the server that was left because JetStream did not answer. */
  private left: string | undefined

  private constructor(connection: NatsConnection, settings: NatsSettings, clock: Clock, logger: Logger) {
    this.connection = connection
    this.settings = settings
    this.clock = clock
    this.logger = logger
    this.stream = `leveret-${settings.cluster}`
    this.subject = `leveret.${settings.cluster}.log`
    this.callSubject = `leveret.${settings.cluster}.calls`
    this.inbox = `_INBOX.${nuid.next()}`
    connection.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.acknowledged(message)
      },
    })
    this.watch().catch(() => {})
  }

  /**
   * Retries while no server can be reached. @throws EngineError UNFIT if the login is refused, or if the release must
   * not be used
   */
  static async open(
    settings: NatsSettings,
    clock: Clock,
    logger: Logger,
    signal: AbortSignal,
  ): Promise<NatsEngine> {
    const connection = await connectPatiently(settings, clock, logger, signal)
    const engine = new NatsEngine(connection, settings, clock, logger)
    try {
      engine.checkServer()
    } catch (error) {
      await engine.close()
      throw error
    }
    return engine
  }

  /** @throws EngineError UNFIT */
  private checkServer(): void {
    const { info } = this.connection
    if (info === undefined) return
    const problem = versionProblem(info.version)
    const room = PART_BYTES_MAX + RECORD_EXTRA_BYTES
    this.unfit =
      problem?.refused === true
        ? problem.why
        : info.max_payload < room
          ? `nats-server ${info.server_name} takes messages of ${info.max_payload} octets: set max_payload: 1MB in its configuration`
          : undefined
    if (this.unfit !== undefined) throw new EngineError('UNFIT', this.unfit)
    if (problem !== undefined) this.logger.warn({ server: info.server_name }, problem.why)
  }

  private async watch(): Promise<void> {
    for await (const { type } of this.connection.status())
      if (type === 'disconnect') this.disconnected()
      else if (type === 'reconnect') this.reconnected()
  }

  private disconnected(): void {
    this.connected = false
    if (!this.closed) this.logger.warn({}, 'connection to NATS lost')
    for (const { reject } of this.pending.values()) reject(new EngineError('AWAY', 'connection to NATS lost'))
    this.pending.clear()
  }

  private reconnected(): void {
    const back = this.server === this.left
    this.left = undefined
    // The first attempt to reconnect goes to the previous server.
    if (back) {
      this.goElsewhere()
      return
    }
    this.logger.info({ server: this.connection.getServer() }, 'connected to NATS')
    this.connected = this.isFit()
    for (const r of this.readers) r.remake()
  }

  /** Another server is tried after a while if this one may not be used: it may stay reachable for ever. */
  private isFit(): boolean {
    const { unfit: before } = this
    try {
      this.checkServer()
      return true
    } catch (error) {
      if (this.unfit !== before) this.logger.error({ err: error }, 'this server may not be used')
      if (this.settings.urls.length > 1)
        this.clock.after(UNFIT_MS, () => {
          if (!this.closed && this.unfit !== undefined) this.leave()
        })
      return false
    }
  }

  /** Name of the server that this node is connected to. */
  get server(): string {
    return this.connection.info?.server_name ?? ''
  }

  append(bytes: Uint8Array): Promise<void> {
    if (!this.connected) return Promise.reject(this.away())
    return new Promise((resolve, reject) => {
      const id = String(++this.count)
      const timer = this.clock.after(APPEND_MS_MAX, () => {
        this.pending.delete(id)
        reject(new EngineError('AWAY', 'the log has not answered'))
      })
      this.pending.set(id, {
        resolve: () => {
          timer.cancel()
          resolve()
        },
        reject: (error) => {
          timer.cancel()
          reject(error)
        },
      })
      try {
        this.connection.publish(this.subject, bytes, { reply: `${this.inbox}.${id}` })
      } catch (error) {
        this.pending.get(id)?.reject(new EngineError('AWAY', (error as Error).message, error))
        this.pending.delete(id)
      }
    })
  }

  private away(): EngineError {
    return new EngineError('AWAY', this.unfit ?? `NATS cannot be reached at ${shown(this.settings.urls)}`)
  }

  private acknowledged(message: Msg): void {
    const id = message.subject.slice(this.inbox.length + 1)
    const waiting = this.pending.get(id)
    if (waiting === undefined) return
    this.pending.delete(id)
    if (message.headers?.code === NO_RESPONDERS) {
      waiting.reject(new EngineError('AWAY', 'the log has no leader at the moment'))
      return
    }
    const { error, seq, duplicate } = pubAckOf(message.string())
    if (error !== undefined) waiting.reject(apiError(error))
    else if (seq === undefined || seq === 0 || duplicate === true)
      waiting.reject(new EngineError('AWAY', 'the answer says that nothing was stored'))
    else waiting.resolve()
  }

  read(from: number, listener: LogListener, log?: string): Unsubscribe {
    const reader = new NatsReader(from, {
      log,
      connection: this.connection,
      clock: this.clock,
      newName: () => `${this.settings.node}-${nuid.next()}`,
      inbox: () => `_INBOX.${nuid.next()}`,
      make: async (name, deliverTo, start) => {
        await this.api(`CONSUMER.CREATE.${this.stream}.${name}`, {
          stream_name: this.stream,
          config: consumerConfig(name, deliverTo, start),
        })
      },
      remove: (name) => {
        if (this.closed) return
        this.api(`CONSUMER.DELETE.${this.stream}.${name}`).catch(() => {
          // The consumer ends by itself.
        })
      },
      bounds: () => this.bounds(),
      listener,
    })
    this.readers.add(reader)
    return () => {
      this.readers.delete(reader)
      reader.stop()
    }
  }

  async purge(below: number): Promise<void> {
    await this.api(`STREAM.PURGE.${this.stream}`, { seq: below })
  }

  async bounds(): Promise<LogBounds> {
    const info = await this.streamInfo()
    const { state, cluster = {} } = info
    const problem = unfitStream(info)
    if (problem !== undefined)
      throw new EngineError('UNFIT', `the stream ${this.stream} cannot hold the log: ${problem}`)
    // Without a leader, a server answers from its own copy, which may differ from the log.
    if (info.cluster !== undefined && info.cluster.leader === undefined) {
      this.unanswered()
      throw new EngineError('AWAY', 'the log has no leader at the moment')
    }
    this.silentSince = undefined
    if (isNew(info)) throw new EngineError('AWAY', 'the log was made just now')
    return {
      first: state.first_seq === 0 ? 1 : Math.max(1, state.first_seq),
      last: state.last_seq,
      bytes: state.bytes,
      identity: `${this.stream} ${identityOf(info)}`,
      leader: cluster.leader ?? this.server,
      replicas: (cluster.replicas ?? []).map(copyOf),
    }
  }

  /** Asks for the stream, and creates it if it does not exist. */
  private async streamInfo(): Promise<StreamInfo> {
    const found = await this.ask<StreamInfo>(`STREAM.INFO.${this.stream}`)
    if (found.error === undefined) return checkedInfo(found)
    if (found.error.err_code !== ApiErrorCode.streamNotFound) throw apiError(found.error)
    const { replicas } = this.settings
    const made = await this.ask<StreamInfo>(
      `STREAM.CREATE.${this.stream}`,
      streamConfig(this.stream, this.subject, replicas, nuid.next()),
    )
    if (made.error === undefined) return checkedInfo(made)
    // Another node has created it first.
    if (made.error.err_code === ApiErrorCode.streamNameInUse)
      throw new EngineError('AWAY', 'the log was made just now')
    if (made.error.err_code === ApiErrorCode.replicasNeedACluster)
      throw new EngineError(
        'UNFIT',
        `the log is to have ${replicas} copies, and the NATS servers are no cluster: give them routes to each other ` +
          "(leveret cluster nats-config prints a configuration), or set cluster.replicas = 1 where losing the server's disk may lose everything",
      )
    if (made.error.err_code === ApiErrorCode.noPeers)
      throw new EngineError(
        'AWAY',
        `the log is to have ${replicas} copies, and fewer NATS servers have joined their cluster: start all of them; restart one that runs and that /jsz of the leading one does not count (meta_cluster.cluster_size)`,
      )
    throw apiError(made.error)
  }

  /** @throws EngineError */
  private async api(what: string, body?: object): Promise<void> {
    const { error } = await this.ask<{ error?: ApiError }>(what, body)
    if (error !== undefined) throw apiError(error)
  }

  private async ask<T extends { readonly error?: ApiError }>(what: string, body?: object): Promise<T> {
    if (!this.connected) throw this.away()
    try {
      const answer = await this.connection.request(
        `$JS.API.${what}`,
        body === undefined ? undefined : JSON.stringify(body),
        { timeout: REQUEST_MS_MAX },
      )
      return objectIn<T>(answer.string())
    } catch (error) {
      this.unanswered()
      throw new EngineError('AWAY', `JetStream does not answer: ${(error as Error).message}`, error)
    }
  }

  /** Changes to another server after a while: this one may be cut off from the others. */
  private unanswered(): void {
    if (!this.connected || this.settings.urls.length < 2) return
    const now = this.clock.elapsed()
    this.silentSince ??= now
    if (now - this.silentSince < ELSEWHERE_MS) return
    this.silentSince = undefined
    this.logger.warn(
      { server: this.server },
      'JetStream does not answer through this server: another one is tried',
    )
    this.leave()
  }

  private leave(): void {
    this.left = this.server
    this.goElsewhere()
  }

  private goElsewhere(): void {
    this.connection.reconnect().catch(() => {
      // The client keeps trying by itself.
    })
  }

  say(bytes: Uint8Array): void {
    if (this.connected) this.connection.publish(this.callSubject, bytes)
  }

  hear(listener: (bytes: Uint8Array) => void): Unsubscribe {
    const subscription = this.connection.subscribe(this.callSubject, {
      callback: (error, message) => {
        if (error === null) listener(message.data)
      },
    })
    return () => subscription.unsubscribe()
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    for (const r of this.readers) r.stop()
    this.readers.clear()
    await this.connection.close()
    this.disconnected()
  }
}

function apiError({ err_code, description = 'JetStream refuses' }: ApiError): EngineError {
  const full: readonly (number | undefined)[] = [
    ApiErrorCode.insufficientResources,
    ApiErrorCode.storageExceeded,
    ApiErrorCode.streamStoreFailed,
  ]
  if (full.includes(err_code)) return new EngineError('FULL', description)
  const unfit: readonly (number | undefined)[] = [ApiErrorCode.notEnabledForAccount, ApiErrorCode.notEnabled]
  if (unfit.includes(err_code))
    return new EngineError(
      'UNFIT',
      `${description}: JetStream has to be enabled in the configuration of nats-server`,
    )
  return new EngineError('AWAY', description)
}
