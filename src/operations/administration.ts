/** What a program that embeds the broker can do beside AMQP: policies, tracing, redrive. */
import type { Broker } from '../broker/broker.ts'
import type { Vhost } from '../broker/vhost.ts'
import { nodeName } from '../util/node-name.ts'
import { type PolicyRequest, removePolicy, setPolicy } from './policies.ts'
import { Redrive, type RedriveOptions, type RedriveResult } from './redrive.ts'
import { setTracing } from './vhosts.ts'

export interface InVhost {
  /** Default `/`. */
  readonly vhost?: string
}

export interface PolicyOptions extends InVhost {
  /** An operator policy, which bounds what policies and declarations ask for. */
  readonly operator?: boolean
}

export interface Administration {
  /** Sets or replaces a policy; it applies at once. @throws Error with what is wrong; nothing is changed then */
  setPolicy(policy: PolicyRequest, options?: PolicyOptions): Promise<void>
  /** False where there is none of that name. */
  removePolicy(name: string, options?: PolicyOptions): Promise<boolean>
  /** Turns the firehose on or off: copies of all messages go to `amq.rabbitmq.trace`. */
  trace(on: boolean, options?: InVhost): void
  /**
   * Moves messages of a dead-letter queue back to where they came from. Resolves when the queue has been gone through.
   * @throws Error where the queue does not exist
   */
  redrive(queue: string, options?: RedriveOptions & InVhost): Promise<RedriveResult>
}

/** @param current gives the broker of the moment. @throws its error, where there is none */
export function administrationOf(current: () => Broker): Administration {
  const vhostOf = (o: InVhost): Vhost => {
    const vhost = current().vhosts.get(o.vhost ?? '/')
    if (vhost === undefined) throw new Error(`vhost '${o.vhost}' does not exist`)
    return vhost
  }
  return {
    async setPolicy(policy, o = {}) {
      setPolicy(vhostOf(o), policy, o.operator === true)
      await current().commit.settled()
    },
    async removePolicy(name, o = {}) {
      const removed = removePolicy(vhostOf(o), name, o.operator === true)
      await current().commit.settled()
      return removed
    },
    trace(on, o = {}) {
      setTracing(vhostOf(o), on, nodeName, current().failures)
    },
    async redrive(name, o = {}) {
      const vhost = vhostOf(o)
      const queue = vhost.queues.get(name)
      if (queue === undefined) throw new Error(`queue '${name}' in vhost '${vhost.name}' does not exist`)
      return await new Redrive(vhost, queue, current().clock, o).done
    },
  }
}
