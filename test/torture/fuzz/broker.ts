/** A broker without sockets, without a disk and with a clock that is told the time: a new one for each input. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Alarms } from '../../../src/alarms/alarms.ts'
import { Broker } from '../../../src/broker/broker.ts'
import { Failures, type OwnerKind } from '../../../src/broker/failures.ts'
import { SegmentMemory } from '../../../src/broker/messages/segment-memory.ts'
import { defaultLimits } from '../../../src/connection/admission.ts'
import { insiders } from '../../../src/connection/login.ts'
import { Server } from '../../../src/connection/server.ts'
import { Talkers } from '../../../src/connection/talkers.ts'
import { Unopened } from '../../../src/connection/unopened.ts'
import { defaultIdentity } from '../../../src/model/identity.ts'
import { type Principal, userPrincipal } from '../../../src/security/principal.ts'
import { type UserRecord, Users } from '../../../src/security/users.ts'
import { GroupCommit } from '../../../src/storage/batch.ts'
import { MemoryStorage } from '../../../src/storage/memory/memory-storage.ts'
import type { Storage } from '../../../src/storage/storage.ts'
import type { Clock, Timer } from '../../../src/util/clock.ts'
import { oneForAll, silent } from '../../../src/util/logger.ts'

/** Rounds in which nothing is said, after which it has settled. */
const QUIET_ROUNDS = 8
const ROUNDS_MAX = 2000
const UNAUTHENTICATED_MAX = 100

/** Time that passes when told to, and turns one by one: between two of them promises go on. */
class TurnClock implements Clock {
  private time = 1_700_000_000_000
  private timers: { readonly at: number; readonly action: () => void }[] = []
  private deferred: (() => void)[] = []

  now(): number {
    return this.time
  }

  elapsed(): number {
    return this.time
  }

  after(ms: number, action: () => void): Timer {
    const timer = { at: this.time + ms, action }
    this.timers.push(timer)
    return {
      cancel: () => {
        this.timers = this.timers.filter((t) => t !== timer)
      },
    }
  }

  defer(action: () => void): void {
    this.deferred.push(action)
  }

  get isIdle(): boolean {
    return this.deferred.length === 0
  }

  turn(): void {
    const { deferred } = this
    this.deferred = []
    for (const action of deferred) action()
  }

  pass(ms: number): void {
    this.time += ms
    const due = this.timers.filter((t) => t.at <= this.time)
    this.timers = this.timers.filter((t) => t.at > this.time)
    for (const { action } of due.sort((a, b) => a.at - b.at)) action()
  }
}

/** The side of a socket that the broker sees; what is written to it is kept. */
export class FakeSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 50_000
  readonly localAddress = '127.0.0.1'
  readonly localPort = 5672
  readonly writableLength = 0
  readonly writable = true
  readonly written: Buffer[] = []
  destroyed = false
  /** It is not to be read. */
  paused = false
  private ended = false

  get isOver(): boolean {
    return this.destroyed || this.ended
  }

  write(chunk: Uint8Array, done?: () => void): boolean {
    this.written.push(Buffer.from(chunk))
    done?.()
    return true
  }

  end(): this {
    this.ended = true
    queueMicrotask(() => void this.destroy())
    return this
  }

  destroy(): this {
    if (this.destroyed) return this
    this.destroyed = true
    queueMicrotask(() => void this.emit('close'))
    return this
  }

  pause(): this {
    this.paused = true
    return this
  }

  resume(): this {
    this.paused = false
    return this
  }

  cork(): void {}
  uncork(): void {}

  get asSocket(): Socket {
    return this as unknown as Socket
  }
}

/** Knows passwords as they are: hashing them is not what is tried. */
class PlainUsers extends Users {
  override async login(name: string, password: string): Promise<UserRecord | undefined> {
    return password === 'guest' ? this.get(name) : undefined
  }
}

const few = {
  configure: '^(a|x1|b)$',
  write: '^(a|b|x1|amq\\.topic|amq\\.default)$',
  read: '^(a|x1|amq\\.topic)$',
}
const many = { configure: '.*', write: '.*', read: '.*' }
export type RightsOf = 'few' | 'many'

class NotedFailures extends Failures {
  readonly noted: { readonly kind: OwnerKind; readonly error: unknown }[] = []

  override note(kind: OwnerKind, whose: object, error: unknown, message?: string): void {
    this.noted.push({ kind, error })
    super.note(kind, whose, error, message)
  }
}

export class FuzzedBroker {
  readonly clock = new TurnClock()
  readonly broker: Broker
  readonly server: Server
  readonly users: Users
  readonly unopened: Unopened
  private readonly failures: NotedFailures

  constructor(storage: Storage = new MemoryStorage()) {
    const { clock } = this
    const failures = new NotedFailures(clock, () => {})
    this.failures = failures
    const commit = new GroupCommit(storage, clock, failures.owner('broker', {}))
    const sizes = { messageMemoryBytes: 2 ** 20, messageBytesMax: 2 ** 20 }
    this.broker = new Broker(storage, commit, clock, { ...sizes, random: () => 0, failures })
    // The usual slab is for thousands of queues.
    Reflect.set(Reflect.get(this.broker, 'pager') as object, 'memories', new SegmentMemory(2))
    this.broker.load()
    this.users = new PlainUsers(undefined, [])
    for (const [name, permission] of Object.entries({ few, many, guest: many })) {
      const password = { algorithm: 'sha256', hash: '' } as unknown as UserRecord['password']
      this.users.set({ name, password, tags: name === 'few' ? [] : ['administrator'], limits: {} })
      this.users.setPermission(name, '/', permission)
    }
    const bounds = { all: UNAUTHENTICATED_MAX, perAddress: UNAUTHENTICATED_MAX }
    this.unopened = new Unopened(
      () => bounds,
      () => clock.now(),
      () => {},
    )
    const { broker, users, unopened } = this
    const alarms = { active: false, reason: '' } as unknown as Alarms
    const host = { alarms, unopened, talkers: new Talkers(), limits: defaultLimits }
    const served = { broker, users, identity: { ...defaultIdentity, clusterName: 'fuzz' } }
    this.server = new Server(served, host, oneForAll(silent), { proxies: undefined })
  }

  /** A client that has connected. @param user one that needs no password; undefined = it has to log in */
  client(user?: RightsOf): FakeSocket {
    const socket = new FakeSocket()
    if (user !== undefined) insiders.set(socket.asSocket, this.principal(user))
    this.server.accept(socket.asSocket)
    return socket
  }

  principal(name: RightsOf): Principal {
    return userPrincipal(this.users, this.users.get(name) as UserRecord)
  }

  /** Until nothing happens any more without time passing. */
  async settle(socket: FakeSocket): Promise<void> {
    for (let quiet = 0, rounds = 0; quiet < QUIET_ROUNDS; rounds++) {
      const before = socket.written.length
      this.clock.turn()
      await undefined
      quiet = socket.written.length === before && this.clock.isIdle ? quiet + 1 : 0
      if (rounds > ROUNDS_MAX) throw new Error('the broker does not settle')
    }
  }

  /** @param allowed to whom errors may be charged. @throws the first error that was charged to somebody else */
  checkFailures(allowed: readonly OwnerKind[] = []): void {
    const found = this.failures.noted.find(({ kind }) => !allowed.includes(kind))
    if (found !== undefined) throw found.error
  }

  stop(): void {
    this.broker.stop()
  }
}
