/** The two brokers of a migration: the Leveret that runs the shovels, and the other one. */
import { pause } from '../../util/timers.ts'
import { Client, CtlError, type Target } from '../ctl/client.ts'
import { EXIT_SOFTWARE, EXIT_UNAVAILABLE, EXIT_USAGE, enc } from '../ctl/command.ts'
import type { Source } from './amqp.ts'
import type { QueueRow } from './rows.ts'
import { checkedList, checkedObject, type Shape, ShapeError } from './shape.ts'

const AGAIN_MS = 500
const EXIT_TEMPORARY = 75
const UNAVAILABLE = 503

/** Reports what is being waited for; undefined when the wait is over. */
export type Waits = (what: string | undefined) => void

/** The migration was interrupted, for example by the user. */
export class Interrupted extends Error {}

/** One of the brokers, over its HTTP API. */
export class End {
  /** The name shown to the user. */
  readonly name: string
  /** The user who logs in; undefined over the socket of the data folder. */
  readonly user: string | undefined
  /** Whether to wait for a broker that stops responding; set once it has responded. */
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

  /** For cleanup requests after an interruption; does not wait for a broker that is down. */
  revive(): void {
    this.signal = new AbortController().signal
    this.patient = false
  }

  /** Gets an object. @throws CtlError also if the answer is something else; Interrupted */
  async get<T extends object>(path: string, shape: Shape): Promise<T> {
    return (await this.read(path, (answer) => checkedObject(answer, shape))) as T
  }

  /** Gets a list of objects. @throws CtlError also if the answer is something else; Interrupted */
  async rows<T extends object>(path: string, shape: Shape): Promise<readonly T[]> {
    return (await this.read(path, (answer) => checkedList(answer, shape))) as readonly T[]
  }

  /**
   * Gets an answer of any other shape.
   * @param check throws a ShapeError if the answer cannot be used
   * @throws CtlError, Interrupted
   */
  async read<T>(path: string, check: (answer: unknown) => T): Promise<T> {
    const answer = await this.call('GET', path)
    try {
      return check(answer)
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error
      throw failure(`${this.name} gives an unexpected answer to GET /api/${path}: ${error.message}`)
    }
  }

  /** Like `get`, but returns undefined on a 404. */
  find<T extends object>(path: string, shape: Shape): Promise<T | undefined> {
    return ifFound(this.get<T>(path, shape))
  }

  /** Like `rows`, but returns undefined on a 404. */
  findRows<T extends object>(path: string, shape: Shape): Promise<readonly T[] | undefined> {
    return ifFound(this.rows<T>(path, shape))
  }

  /** Deletes an object. Returns whether it existed. */
  async delete(path: string): Promise<boolean> {
    try {
      await this.call('DELETE', path)
      return true
    } catch (error) {
      if (error instanceof CtlError && error.status === 404) return false
      throw error
    }
  }

  /** @throws CtlError whose text names the broker; Interrupted */
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

async function ifFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof CtlError && error.status === 404) return undefined
    throw error
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

/** The migration: the brokers, the direction and the scope. */
export interface Move {
  readonly leveret: End
  readonly other: End
  /** AMQP access to the other broker. */
  readonly amqp: Source
  /** Whether the migration goes from the Leveret to the other broker. */
  readonly out: boolean
  readonly from: End
  readonly to: End
  /** Maximum age in ms of the source's numbers: RabbitMQ's come from its statistics. */
  readonly lagMs: number
  /** The only vhost to move; undefined = all. */
  readonly vhost: string | undefined
}

export const queuePath = (q: { vhost: string; name: string }): string =>
  `queues/${enc(q.vhost)}/${enc(q.name)}`

/** The current number of ready messages; undefined if the queue has been deleted. */
export async function readyIn(move: Move, q: QueueRow): Promise<number | undefined> {
  if (!move.out) return await move.amqp.ready(q.vhost, q.name)
  const shape: Shape = { messages_ready: 'number' }
  return (await move.from.find<{ messages_ready: number }>(queuePath(q), shape))?.messages_ready
}

export function usage(text: string): CtlError {
  return new CtlError(text, EXIT_USAGE)
}

export function failure(text: string): CtlError {
  return new CtlError(text, EXIT_SOFTWARE)
}
