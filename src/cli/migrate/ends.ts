/** The two brokers of a move: the Leveret that runs the shovels, and the other one. */
import { pause } from '../../util/timers.ts'
import { Client, CtlError, type Target } from '../ctl/client.ts'
import { EXIT_SOFTWARE, EXIT_UNAVAILABLE, EXIT_USAGE, enc } from '../ctl/command.ts'
import type { Source } from './amqp.ts'
import type { QueueRow } from './rows.ts'

const AGAIN_MS = 500
const EXIT_TEMPORARY = 75
const UNAVAILABLE = 503

/** Says that something is waited for; undefined when it is over. */
export type Waits = (what: string | undefined) => void

/** What ends a move early, such as the user. */
export class Interrupted extends Error {}

/** One of the brokers, over its HTTP API. */
export class End {
  /** As people are told of it. */
  readonly name: string
  /** Who logs in there; undefined over the socket of the data folder. */
  readonly user: string | undefined
  /** A moment without an answer is waited for, once the broker has answered. */
  patient = false
  private readonly client: Client
  private readonly waits: Waits
  private signal: AbortSignal

  constructor(name: string, target: Target, waits: Waits, signal: AbortSignal) {
    this.name = name
    this.client = new Client(target)
    this.waits = waits
    this.signal = signal
    this.user = target.url === undefined ? undefined : userOf(target.url)
  }

  /** For the last words after an interruption; without patience. */
  revive(): void {
    this.signal = new AbortController().signal
    this.patient = false
  }

  get<T>(path: string): Promise<T> {
    return this.call('GET', path) as Promise<T>
  }

  /** undefined where there is none. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.get<T>(path)
    } catch (error) {
      if (error instanceof CtlError && error.status === 404) return undefined
      throw error
    }
  }

  /** Whether it was there. */
  async delete(path: string): Promise<boolean> {
    try {
      await this.call('DELETE', path)
      return true
    } catch (error) {
      if (error instanceof CtlError && error.status === 404) return false
      throw error
    }
  }

  /** @throws CtlError with the name of the broker; Interrupted */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    for (let waiting = false; ; waiting = true) {
      if (this.signal.aborted) throw new Interrupted()
      try {
        const answer = await this.client.call(method, path, body)
        if (waiting) this.waits(undefined)
        return answer
      } catch (error) {
        if (!(error instanceof CtlError)) throw error
        if (!this.patient || !isPassing(error)) throw this.explained(error)
        this.waits(`${this.name} to come back`)
        await pause(AGAIN_MS, { signal: this.signal }).catch(() => {})
      }
    }
  }

  private explained(error: CtlError): CtlError {
    const { message, exitCode, status } = error
    if (status === 401 || status === 403)
      return new CtlError(`${this.name} refuses user '${this.user}': ${message}`, exitCode, status)
    return new CtlError(status === undefined ? message : `${this.name}: ${message}`, exitCode, status)
  }
}

function userOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url).username) || 'guest'
  } catch {
    return 'guest'
  }
}

function isPassing({ status, exitCode }: CtlError): boolean {
  return (
    status === UNAVAILABLE || (status === undefined && [EXIT_UNAVAILABLE, EXIT_TEMPORARY].includes(exitCode))
  )
}

/** What is moved from where to where. */
export interface Move {
  readonly leveret: End
  readonly other: End
  /** AMQP to the other one. */
  readonly amqp: Source
  /** Whether everything goes from the Leveret to the other one. */
  readonly out: boolean
  readonly from: End
  readonly to: End
  /** ms by which the numbers of the source may be old: RabbitMQ's are statistics. */
  readonly lagMs: number
  /** The only vhost; undefined = all. */
  readonly vhost: string | undefined
}

export const queuePath = (q: { vhost: string; name: string }): string =>
  `queues/${enc(q.vhost)}/${enc(q.name)}`

/** Ready messages at this moment; undefined where the queue is gone. */
export async function readyIn(move: Move, q: QueueRow): Promise<number | undefined> {
  if (!move.out) return await move.amqp.ready(q.vhost, q.name)
  return (await move.from.find<{ messages_ready: number }>(queuePath(q)))?.messages_ready
}

export function usage(text: string): CtlError {
  return new CtlError(text, EXIT_USAGE)
}

export function failure(text: string): CtlError {
  return new CtlError(text, EXIT_SOFTWARE)
}
