/** How a node obtains a store from which it can follow the shared log: its own, or a copy of another node's. */

import { StorageError } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { type Engine, EngineError, type LogBounds } from './engine.ts'
import type { Heartbeat } from './heartbeat.ts'
import { type ReplicaStore, type ReplicaStores, type StoredPlace, storedPlace } from './replica-store.ts'

const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 1000

/** Reason for a copy. */
const MISSED = 'the log no longer has what this node has missed'

const SHORT = 'the log is short'

/** Copies the store of that node. @throws Error if that fails */
export type Copy = (from: Heartbeat, into: ReplicaStore, signal: AbortSignal) => Promise<void>

export interface JoinOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly stores: ReplicaStores
  readonly logger: Logger
  readonly copy: Copy
  /** Other nodes whose heartbeats arrive and that have a store. */
  readonly sources: () => readonly Heartbeat[]
  /** Called with what the node is waiting for; undefined = nothing any more. */
  readonly problem: (text: string | undefined) => void
}

export interface Joined {
  readonly store: ReplicaStore
  readonly place: StoredPlace
  /** Identifies the log. */
  readonly log: string
}

export class Joining {
  private readonly options: JoinOptions
  private readonly abort = new AbortController()
  private wake: () => void = () => {}
  /**
   * Set if the store has to be replaced in order to follow that log, and why; `number` is the number of its batches if it
   * may have more than other nodes, otherwise 0.
   */
  private copyOver: { readonly number: number; readonly log: string; readonly why: string } | undefined
  /** The reason that was logged last. */
  private said: string | undefined
  /** The reason for waiting for the log that was logged last. */
  private awayFor: string | undefined

  constructor(options: JoinOptions) {
    this.options = options
  }

  stop(): void {
    this.abort.abort()
    this.wake()
  }

  /** Requests a copy because the log begins with the data of another node. @param begin what this node has */
  demandApart(begin: StoredPlace, { node, number }: { node: string; number: number }, log: string): void {
    const why = `the log was begun by node ${node} with ${number} batches in its store, and this one has ${begin.number}`
    const isOld = begin.number === 0 || (begin.log !== undefined && begin.number <= number)
    this.demandCopy({ ...begin, log: isOld ? (begin.log ?? log) : undefined }, log, why)
  }

  private get stopped(): boolean {
    return this.abort.signal.aborted
  }

  /**
   * Makes the next join copy another node's store. @throws StorageError if that would discard data that only this node
   * has
   */
  private demandCopy(place: StoredPlace, log: string, why: string): void {
    if (place.log === undefined && place.number > 0) throw ownData(why)
    if (why !== this.said) this.options.logger.warn({ why }, 'copying the data of another node')
    this.said = why
    this.copyOver = { number: place.log === log ? 0 : place.number, log, why }
  }

  /**
   * Waits until the engine answers, and for another node if a copy is needed; undefined if stopped meanwhile.
   * @throws StorageError; EngineError UNFIT
   */
  async join(): Promise<Joined | undefined> {
    for (let wait = RETRY_MS_MIN; !this.stopped; wait = Math.min(RETRY_MS_MAX, wait * 2)) {
      const bounds = await this.askBounds()
      if (bounds === undefined) return undefined
      // A log that was made anew begins with what the nodes have; this one may have the most.
      if (this.copyOver?.log !== bounds.identity) this.copyOver = undefined
      if (this.copyOver !== undefined) await this.takeCopy(this.copyOver)
      if (this.stopped) return undefined
      const store = await this.options.stores.open()
      try {
        const place = placeIn(storedPlace(store), bounds.identity)
        if (place.sequence > bounds.last) this.logIsShort(place, bounds)
        else if (place.sequence + 1 >= bounds.first) {
          this.said = undefined
          this.options.problem(undefined)
          return { store, place, log: bounds.identity }
        } else this.demandCopy(place, bounds.identity, MISSED)
      } catch (error) {
        await store.close()
        throw error
      }
      await store.close()
      await this.pause(wait)
    }
    return undefined
  }

  /**
   * The log lacks records that this node has read: its servers have an older copy of it. If this node followed it, it
   * would skip the records that take the places of the lost ones, and come to other results than the other nodes.
   */
  private logIsShort({ sequence }: StoredPlace, { last, identity }: LogBounds): void {
    const why = `the log ends at record ${last}, and this node has read record ${sequence}: the NATS servers have an older copy of it`
    this.options.problem(why)
    if (this.said !== SHORT)
      this.options.logger.error(
        { log: identity },
        `${why}. Unless that changes, delete the stream: a new log begins with what the nodes have`,
      )
    this.said = SHORT
  }

  /** Retries until the engine answers. */
  private async askBounds(): Promise<LogBounds | undefined> {
    for (let wait = RETRY_MS_MIN; !this.stopped; wait = Math.min(RETRY_MS_MAX, wait * 2)) {
      try {
        const bounds = await this.options.engine.bounds()
        this.awayFor = undefined
        this.options.problem(undefined)
        return bounds
      } catch (error) {
        if (!(error instanceof EngineError) || error.code === 'UNFIT') throw error
        this.options.problem(error.message)
        // Logged from the second attempt on: just after a start, a missing answer is normal.
        if (wait > RETRY_MS_MIN && error.message !== this.awayFor)
          this.options.logger.warn({ err: error.message }, 'waiting for the log')
        if (wait > RETRY_MS_MIN) this.awayFor = error.message
      }
      await this.pause(wait)
    }
    return undefined
  }

  /**
   * Waits for a node that has the missing data, and copies its store. If there is no such node and the log seemed to
   * begin too late, the log is asked again: just after all of its servers have restarted, they may report for a while
   * that it begins later than it does.
   */
  private async takeCopy({ number, why }: { number: number; why: string }): Promise<void> {
    const { stores, copy, sources, logger, problem } = this.options
    /** How often a copy of that node has failed: another one may be reachable, or have a store in order. */
    const failures = new Map<string, number>()
    const failed = ({ node }: Heartbeat): number => failures.get(node) ?? 0
    for (let wait = RETRY_MS_MIN; !this.stopped; wait = Math.min(RETRY_MS_MAX, wait * 2)) {
      const from = [...sources()].sort(
        (a, b) =>
          failed(a) - failed(b) ||
          Number(a.state !== 'standby') - Number(b.state !== 'standby') ||
          b.flushed - a.flushed,
      )
      const [source] = from
      if (source === undefined) {
        problem('no other node can be heard whose data could be copied')
        if (why === MISSED) {
          this.copyOver = undefined
          return
        }
      } else if (from.every((h) => h.applied < number))
        throw ownData(`this node has ${number} batches of an earlier log, more than the others have`)
      else
        try {
          await stores.replace((store) => copy(source, store, this.abort.signal))
          this.copyOver = undefined
          return problem(undefined)
        } catch (error) {
          if (this.stopped) return
          failures.set(source.node, failed(source) + 1)
          problem(`cannot copy the data of another node: ${(error as Error).message}`)
          logger.warn({ node: source.node, err: error }, 'cannot copy the data of another node; trying again')
        }
      await this.pause(wait)
    }
  }

  private pause(ms: number): Promise<void> {
    if (this.stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve)
      this.wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

function ownData(why: string): StorageError {
  return new StorageError(
    'UNREADABLE',
    `the data folder has data that is not of this cluster: ${why}. The node with the data has to be the first one of a ` +
      'new cluster, with another cluster.name; to give up what is in this folder, move it away, and the node copies the data of the cluster',
  )
}

/** The store's place in this log: its start if the store is from another log, or from none; its batches still count. */
function placeIn(stored: StoredPlace, log: string): StoredPlace {
  return stored.log === log
    ? stored
    : { sequence: 0, epoch: 0, owner: '', number: stored.number, log: stored.log }
}
