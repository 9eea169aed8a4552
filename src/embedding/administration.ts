/** What a program that embeds the broker can do beside AMQP. */

import type { Vhost } from '../broker/vhost.ts'
import type { UserOptions } from '../config/settings.ts'
import type { ActiveBroker } from '../node/active-broker.ts'
import { setUser } from '../node/seed.ts'
import { trusted } from '../operations/caller.ts'
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
import { checkUser, checkVhostName, OptionError } from './options.ts'

export interface InVhost {
  /** Default `/`. */
  readonly vhost?: string
}

export interface PolicyOptions extends InVhost {
  /** An operator policy, which bounds what policies and declarations ask for. */
  readonly operator?: boolean
}

export interface QueueState {
  readonly vhost: string
  readonly name: string
  /** messages waiting, delivered but not acknowledged, and consumers */
  readonly ready: number
  readonly unacked: number
  readonly consumers: number
}

/** Numbers that a queue is to have, or a question to its state. */
export type QueueCondition =
  | Partial<Pick<QueueState, 'ready' | 'unacked' | 'consumers'>>
  | ((state: QueueState) => boolean)

export interface WaitOptions extends InVhost {
  /** ms after which it is given up. Default 5000. */
  readonly timeoutMs?: number
}

export interface Administration {
  /** All queues as they are now. */
  queues(): QueueState[]
  /** One queue as it is now; undefined where there is none of that name. */
  queue(name: string, options?: InVhost): QueueState | undefined
  /**
   * Resolves with the queue's state once it is as wanted, such as `{ ready: 3 }`; a queue that is not there yet is waited for.
   * @throws BrokerError TIMEOUT that tells what the queue was like; CLOSED
   */
  waitForQueue(name: string, wanted: QueueCondition, options?: WaitOptions): Promise<QueueState>
  /** Removes the messages that are ready; resolves with their number. @throws BrokerError NOT_FOUND, REFUSED for streams */
  purge(queue: string, options?: InVhost): Promise<number>
  /** Without `permissions` it may do everything in every vhost. @throws TypeError; BrokerError EXISTS */
  addUser(user: UserOptions): Promise<void>
  /** Users that may do everything may do so in this one too. Nothing where it is there already. @throws TypeError */
  addVhost(name: string): Promise<void>
  /** Sets or replaces a policy; it applies at once. @throws BrokerError REFUSED with what is wrong; nothing is changed then */
  setPolicy(policy: PolicyRequest, options?: PolicyOptions): Promise<void>
  /** False where there is none of that name. */
  removePolicy(name: string, options?: PolicyOptions): Promise<boolean>
  /** Turns the firehose on or off: copies of all messages go to `amq.rabbitmq.trace`. */
  trace(on: boolean, options?: InVhost): void
  /**
   * Moves messages of a dead-letter queue back to where they came from. Resolves when the queue has been gone through.
   * @throws BrokerError NOT_FOUND
   */
  redrive(queue: string, options?: RedriveOptions & InVhost): Promise<RedriveResult>
}

/** ms that a queue is waited for where nothing is said. */
const WAIT_MS = 5000
/** ms between two looks at a queue that is waited for. */
const LOOK_MS = 2

/**
 * @param active gives the broker of the moment; undefined while there is none
 * @param everywhere names of the users that the options let do everything
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
    queue: (name, o = {}) => stateOf(name, o),
    async waitForQueue(name, wanted, o = {}) {
      const until = elapsed() + (o.timeoutMs ?? WAIT_MS)
      for (;;) {
        const state = stateOf(name, o)
        if (state !== undefined && isAsWanted(state, wanted)) return state
        if (elapsed() >= until) throw new BrokerError('TIMEOUT', timeoutText(name, wanted, state))
        await pause(LOOK_MS)
      }
    },
    async purge(name, o = {}) {
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
      if (policy === null || typeof policy !== 'object')
        throw new OptionError('policy', "option 'policy' must be an object")
      const { broker } = current().model
      await setPolicy(broker, vhostOf(o), policy, o.operator === true).catch((error) =>
        checked(() => {
          throw error
        }),
      )
      await settled()
    },
    async removePolicy(name, o = {}) {
      const { broker } = current().model
      const removed = await removePolicy(broker, vhostOf(o), name, o.operator === true)
      await settled()
      return removed
    },
    trace(on, o = {}) {
      setTracing(vhostOf(o), on, nodeName, current().model.broker.failures)
    },
    async redrive(name, o = {}) {
      const vhost = vhostOf(o)
      const queue = vhost.queues.get(name)
      if (queue === undefined)
        throw new BrokerError('NOT_FOUND', `queue '${name}' in vhost '${vhost.name}' does not exist`)
      return await new Redrive(vhost, queue, current().model.broker.clock, o).done
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
  const what = typeof wanted === 'function' ? 'as wanted' : JSON.stringify(wanted)
  const found =
    state === undefined
      ? 'it is not there'
      : `it has ready ${state.ready}, unacked ${state.unacked}, consumers ${state.consumers}`
  return `queue '${name}' did not come to be ${what} in time: ${found}`
}

/** The errors of operations, with codes that do not depend on AMQP. */
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
