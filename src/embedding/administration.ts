/** Operations of the broker for embedding programs, beyond AMQP. */

import type { Vhost } from '../broker/vhost.ts'
import type { UserOptions } from '../config/settings.ts'
import type { ActiveBroker } from '../node/active-broker.ts'
import { setUser } from '../node/seed.ts'
import { trusted } from '../operations/caller.ts'
import { GivenUp } from '../operations/given-up.ts'
import { InvalidRequest } from '../operations/invalid-request.ts'
import { type PolicyRequest, removePolicy, setPolicy } from '../operations/policies.ts'
import { purgeQueue } from '../operations/queues.ts'
import { Redrive, type RedriveOptions, type RedriveResult } from '../operations/redrive.ts'
import { allowAll } from '../operations/users.ts'
import { putVhost, setTracing } from '../operations/vhosts.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import { nodeName } from '../util/node-name.ts'
import { elapsed, pause } from '../util/timers.ts'
import { BrokerError } from './broker-error.ts'
import {
  checkCondition,
  checkInVhost,
  checkName,
  checkPolicy,
  checkPolicyOptions,
  checkRedriveOptions,
  checkWaitOptions,
  flag,
} from './method-arguments.ts'
import { checkUser, checkVhostName } from './options.ts'

export interface InVhost {
  /** Default `/`. */
  readonly vhost?: string
}

export interface PolicyOptions extends InVhost {
  /** Sets an operator policy, which limits what policies and declarations can set. */
  readonly operator?: boolean
}

export interface QueueState {
  readonly vhost: string
  readonly name: string
  /** Numbers of messages that are ready or unacknowledged, and of consumers. */
  readonly ready: number
  readonly unacked: number
  readonly consumers: number
}

/** Wanted counts of a queue, or a predicate on its state. */
export type QueueCondition =
  | Partial<Pick<QueueState, 'ready' | 'unacked' | 'consumers'>>
  | ((state: QueueState) => boolean)

export interface WaitOptions extends InVhost {
  /** Timeout in ms. Default 5000. */
  readonly timeoutMs?: number
}

/** Arguments of the wrong type and unknown options cause a `TypeError` with the code INVALID_OPTION. */
export interface Administration {
  /** All queues, in their current state. */
  queues(): QueueState[]
  /** The current state of a queue; undefined if it does not exist. */
  queue(name: string, options?: InVhost): QueueState | undefined
  /**
   * Resolves with the queue's state once it satisfies the condition, such as `{ ready: 3 }`; the queue need not exist
   * yet.
   * @throws BrokerError TIMEOUT with the last state of the queue; CLOSED
   */
  waitForQueue(name: string, wanted: QueueCondition, options?: WaitOptions): Promise<QueueState>
  /** Removes the ready messages; resolves with their number. @throws BrokerError NOT_FOUND, REFUSED for streams */
  purge(queue: string, options?: InVhost): Promise<number>
  /** Without `permissions` the user has full permissions in every vhost. @throws TypeError; BrokerError EXISTS */
  addUser(user: UserOptions): Promise<void>
  /**
   * Creates a vhost, unless it exists. Users with full permissions in every vhost get them in this one too.
   * @throws TypeError
   */
  addVhost(name: string): Promise<void>
  /**
   * Sets or replaces a policy, with immediate effect.
   * @throws BrokerError REFUSED with the reason; nothing is changed then
   */
  setPolicy(policy: PolicyRequest, options?: PolicyOptions): Promise<void>
  /** Resolves with false if there is no policy of that name. */
  removePolicy(name: string, options?: PolicyOptions): Promise<boolean>
  /** Turns the firehose on or off, which copies all messages to `amq.rabbitmq.trace`. */
  trace(on: boolean, options?: InVhost): void
  /**
   * Moves messages of a dead-letter queue back to where they came from. Resolves when the whole queue has been
   * processed.
   * @throws BrokerError NOT_FOUND; CLOSED if the broker is closed before that
   */
  redrive(queue: string, options?: RedriveOptions & InVhost): Promise<RedriveResult>
}

/** Default timeout of waitForQueue, in ms. */
const WAIT_MS = 5000
/** Polling interval of waitForQueue, in ms. */
const LOOK_MS = 2

/**
 * @param active returns the current broker; undefined while there is none
 * @param everywhere names of the users to whom the options give full permissions
 */
export function administrationOf(
  active: () => ActiveBroker | undefined,
  everywhere: Set<string>,
): Administration {
  const current = (): ActiveBroker => {
    const broker = active()
    if (broker === undefined) throw new BrokerError('CLOSED', 'the broker is closed')
    return broker
  }
  const vhostOf = (o: InVhost): Vhost => {
    const name = o.vhost ?? '/'
    const vhost = current().model.broker.vhosts.get(name)
    if (vhost === undefined) throw new BrokerError('NOT_FOUND', `vhost '${name}' does not exist`)
    return vhost
  }
  const settled = (): Promise<void> => current().model.commit.flush()
  const stateOf = (name: string, o: InVhost): QueueState | undefined => {
    const { broker } = current().model
    broker.turn.pumpNow()
    const vhost = o.vhost ?? '/'
    const q = broker.vhosts.get(vhost)?.queues.get(name)
    return q && { vhost, name, ...q.counts }
  }
  return {
    queues() {
      const broker = active()?.model.broker
      if (broker === undefined) return []
      broker.turn.pumpNow()
      return [...broker.vhosts.values()].flatMap((v) =>
        [...v.queues.values()].map((q) => ({ vhost: v.name, name: q.name, ...q.counts })),
      )
    },
    queue(name, o = {}) {
      checkName(name, 'name')
      checkInVhost(o, 'options')
      return stateOf(name, o)
    },
    async waitForQueue(name, wanted, o = {}) {
      checkName(name, 'name')
      checkCondition(wanted, 'wanted')
      checkWaitOptions(o, 'options')
      const until = elapsed() + (o.timeoutMs ?? WAIT_MS)
      for (;;) {
        const state = stateOf(name, o)
        if (state !== undefined && isAsWanted(state, wanted)) return state
        if (elapsed() >= until) throw new BrokerError('TIMEOUT', timeoutText(name, wanted, state))
        await pause(LOOK_MS)
      }
    },
    async purge(name, o = {}) {
      checkName(name, 'queue')
      checkInVhost(o, 'options')
      const caller = trusted('', vhostOf(o), {})
      const count = checked(() => purgeQueue(caller, name))
      await settled()
      return count
    },
    async addUser(user) {
      checkUser(user, 'user')
      const { model } = current()
      if (model.users.get(user.name) !== undefined)
        throw new BrokerError('EXISTS', `there is a user '${user.name}' already`)
      setUser(model, user)
      if (user.permissions === undefined) everywhere.add(user.name)
      await settled()
    },
    async addVhost(name) {
      checkVhostName(name, 'name')
      const { broker, users } = current().model
      if (checked(() => putVhost(broker, name, {}))) for (const u of everywhere) allowAll(users, u, name)
      await settled()
    },
    async setPolicy(policy, o = {}) {
      checkPolicy(policy, 'policy')
      checkPolicyOptions(o, 'options')
      const { broker } = current().model
      await setPolicy(broker, vhostOf(o), policy, o.operator === true).catch((error) =>
        checked(() => {
          throw error
        }),
      )
      await settled()
    },
    async removePolicy(name, o = {}) {
      checkName(name, 'name')
      checkPolicyOptions(o, 'options')
      const { broker } = current().model
      const removed = await removePolicy(broker, vhostOf(o), name, o.operator === true)
      await settled()
      return removed
    },
    trace(on, o = {}) {
      flag(on, 'on')
      checkInVhost(o, 'options')
      setTracing(current().model.broker, vhostOf(o), on, nodeName)
    },
    async redrive(name, o = {}) {
      checkName(name, 'queue')
      checkRedriveOptions(o, 'options')
      const vhost = vhostOf(o)
      const queue = vhost.queues.get(name)
      if (queue === undefined)
        throw new BrokerError('NOT_FOUND', `queue '${name}' in vhost '${vhost.name}' does not exist`)
      return await new Redrive(vhost, queue, current().model.broker, o).done.catch((error: Error) => {
        throw error instanceof GivenUp ? new BrokerError('CLOSED', error.message, error) : error
      })
    },
  }
}

function isAsWanted(state: QueueState, wanted: QueueCondition): boolean {
  if (typeof wanted === 'function') return wanted(state)
  return (['ready', 'unacked', 'consumers'] as const).every(
    (k) => wanted[k] === undefined || wanted[k] === state[k],
  )
}

function timeoutText(name: string, wanted: QueueCondition, state: QueueState | undefined): string {
  const what = typeof wanted === 'function' ? 'the condition' : JSON.stringify(wanted)
  const found =
    state === undefined
      ? 'it does not exist'
      : `it has ready ${state.ready}, unacked ${state.unacked}, consumers ${state.consumers}`
  return `queue '${name}' did not reach ${what} in time: ${found}`
}

/** Converts errors of operations to BrokerErrors, whose codes do not depend on AMQP. */
function checked<T>(operation: () => T): T {
  try {
    return operation()
  } catch (error) {
    if (error instanceof AmqpError)
      throw new BrokerError(
        error.code === ReplyCode.NotFound ? 'NOT_FOUND' : 'REFUSED',
        error.explanation,
        error,
      )
    if (error instanceof InvalidRequest) throw new BrokerError('REFUSED', error.message.trim(), error)
    throw error
  }
}
