// hot: per message
/** Common to all queue types: the declaration, the settings and counters, and the scheduling of `pump`. */
import { CONTINUES_MS } from '../../limits.ts'
import { preconditionFailed } from '../../protocol/errors.ts'
import type { FieldTable } from '../../protocol/field-table.ts'
import { nothingCounted } from '../counters.ts'
import type { AppliedPolicies } from '../policy/policy.ts'
import type { BaseEnvironment } from './environment.ts'
import type { QueueKind } from './kinds/kinds.ts'
import type { QueueInfo, QueueSettings } from './queue.ts'

/** The queues that will continue after a failure; hardly any queue ever does. */
const continuing = new WeakSet<object>()

/** The declaration of a queue, and the policies that apply to it. */
export abstract class DeclaredQueue implements QueueInfo {
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly kind: QueueKind
  readonly arguments: FieldTable
  policies: AppliedPolicies
  boundTo: object | undefined = undefined

  constructor(info: QueueInfo, policies: AppliedPolicies) {
    this.name = info.name
    this.durable = info.durable
    this.exclusive = info.exclusive
    this.autoDelete = info.autoDelete
    this.kind = info.kind
    this.arguments = info.arguments
    this.policies = policies
  }
}

export abstract class QueueBase<Environment extends BaseEnvironment> extends DeclaredQueue {
  settings: QueueSettings
  readonly log: number | undefined
  /** Shared and frozen: replaced before anything is counted. */
  counters = nothingCounted
  deleted = false
  routeStamp = 0
  protected readonly env: Environment
  /** Whether `pump` is scheduled. */
  protected awake = false

  constructor(
    info: QueueInfo,
    policies: AppliedPolicies,
    settings: QueueSettings,
    log: number | undefined,
    env: Environment,
  ) {
    super(info, policies)
    this.settings = settings
    this.log = log
    this.env = env
  }

  /** Does the work that is due, and clears `awake`. */
  abstract pump(): void

  /** Schedules `pump` for the end of this turn of the event loop. */
  wake(): void {
    if (this.awake || this.deleted) return
    this.awake = true
    this.env.turn.pumpLater(this)
  }

  abstract readonly counts: { readonly ready: number; readonly consumers: number }

  /** @throws AmqpError 406 if the queue has messages or consumers and `ifEmpty` or `ifUnused` forbids that */
  checkDeletable(vhost: string, ifUnused: boolean, ifEmpty: boolean): void {
    this.env.turn.pumpAlone(this)
    const { ready, consumers } = this.counts
    if (ifEmpty && ready > 0) throw preconditionFailed(`queue '${this.name}' in vhost '${vhost}' not empty`)
    if (ifUnused && consumers > 0) throw preconditionFailed(`queue '${this.name}' in vhost '${vhost}' in use`)
  }

  /** Whether the queue has failed and has not continued since. */
  protected get continuesLater(): boolean {
    return continuing.has(this)
  }

  /** The cause may be gone soon, such as a lack of memory for a segment, and nothing else may wake the queue. */
  failed(error: unknown): void {
    this.env.failed(error)
    if (continuing.has(this)) return
    continuing.add(this)
    this.env.turn.clock.after(CONTINUES_MS, () => {
      continuing.delete(this)
      if (!this.env.turn.ending.isBegun) this.wake()
    })
  }
}
