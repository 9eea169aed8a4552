/** A shovel: runs sessions one after the other until it is done or its parameter is removed. */
import type { Logger } from '../util/logger.ts'
import { now, startTimer, stopTimer, type Timeout } from '../util/timers.ts'
import { withoutPassword } from '../util/without-passwords.ts'
import { parseShovel, type ShovelDefinition } from './definition.ts'
import { Session, type SessionHost } from './session.ts'

export type ShovelState = 'starting' | 'running' | 'terminated'

export interface ShovelStatus {
  readonly state: ShovelState
  /** Time of the last state change, in ms since 1970. */
  readonly since: number
  /** Why it has ended or cannot start. */
  readonly reason: string | undefined
  /** While it is running: the fields that RabbitMQ reports. */
  readonly details: Readonly<Record<string, unknown>>
}

export class Shovel {
  private readonly definition: ShovelDefinition
  private readonly host: SessionHost
  private readonly logger: Logger
  private readonly whenDone: () => void
  private state: ShovelState = 'starting'
  private since = now()
  private reason: string | undefined
  private session: Session | undefined
  private stopped = false
  private timer: Timeout | undefined
  private wake: () => void = () => {}
  private readonly running: Promise<void>

  /**
   * @param value of the parameter, already checked
   * @param whenDone called when the shovel has moved the requested number of messages
   */
  constructor(value: unknown, host: SessionHost, logger: Logger, whenDone: () => void) {
    this.definition = parseShovel(value)
    this.host = host
    this.logger = logger
    this.whenDone = whenDone
    this.running = this.run()
  }

  get status(): ShovelStatus {
    const { state, since, reason } = this
    return { state, since, reason, details: state === 'running' ? this.details() : {} }
  }

  /** Stops the shovel; resolves when its connections are closed. */
  async stop(): Promise<void> {
    this.stopped = true
    this.session?.stop()
    this.wake()
    await this.running
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      if (await this.runOnce()) return
      const { reconnectDelay } = this.definition
      if (reconnectDelay <= 0) return
      await this.pause(reconnectDelay * 1000)
      if (!this.stopped) this.become('starting')
    }
  }

  /** Returns whether the shovel is done. */
  private async runOnce(): Promise<boolean> {
    const session = new Session(this.definition, this.host)
    this.session = session
    try {
      await session.start()
      if (this.stopped) return true
      this.become('running')
      const how = await session.whenEnded()
      if (how === 'finished') {
        await session.close()
        this.whenDone()
      }
      return true
    } catch (error) {
      if (!this.stopped) this.failed(error as Error)
      return false
    } finally {
      this.session = undefined
      await session.close()
    }
  }

  private failed(error: Error): void {
    const { vhost, name } = this.host
    const { code } = error as { code?: unknown }
    const text = withoutPassword(error.message || String(code)).trim()
    this.become('terminated', text)
    this.logger.warn({ vhost, shovel: name, reason: text }, 'a shovel has stopped')
  }

  private become(state: ShovelState, reason?: string): void {
    this.state = state
    this.reason = reason
    this.since = now()
  }

  private pause(ms: number): Promise<void> {
    return new Promise<void>((resolve) => {
      this.wake = resolve
      if (this.stopped) resolve()
      else this.timer = startTimer(resolve, Math.min(ms, 2 ** 31 - 1))
    }).then(() => stopTimer(this.timer))
  }

  private details(): Record<string, unknown> {
    const { session } = this
    if (session === undefined) return {}
    const { source, destination } = this.definition
    const all = {
      src_uri: session.sourceUri,
      src_protocol: 'amqp091',
      dest_protocol: 'amqp091',
      dest_uri: session.destinationUri,
      src_queue: source.queue,
      src_exchange: source.queue === undefined ? source.exchange : undefined,
      src_exchange_key: source.queue === undefined ? source.exchangeKey : undefined,
      dest_queue: destination.queue,
      dest_exchange: destination.exchange,
      dest_exchange_key: destination.exchangeKey,
      blocked_status: session.status,
      ...session.counts,
    }
    return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined))
  }
}
