/** Transactions that settle very many deliveries one by one: no batch is written during their commit. */

import { expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import type { Steps } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Settlement } from '../../src/broker/queue/queue.ts'
import { Channel } from '../../src/channel/channel.ts'
import type { Client } from '../../src/channel/client.ts'
import { txMethods } from '../../src/channel/methods/tx.ts'
import { Transaction } from '../../src/channel/transaction.ts'
import { COMMITTED_PER_STEP, STEP_MS, TRANSACTION_SETTLES_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import type { ServerMethod } from '../../src/protocol/generated/methods.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { timedBroker } from '../support/timed-broker.ts'

const COUNT = 10 * COMMITTED_PER_STEP

/** The number of steps that the commit takes. */
function stepsOf(how: (tag: number) => Settlement, clock = new ManualClock()): number {
  const { broker, vhost, queue } = timedBroker(clock)
  const q = queue('q')
  const m = new InboundMessage()
  let steps: Steps<ServerMethod> | undefined
  const client = {
    broker,
    clock: broker.clock,
    output: {},
    replyWhenAllDurable: (_: Channel, all: Steps<ServerMethod>) => {
      steps = all
    },
  } as unknown as Client
  const ch = new Channel(client, 1, { vhost } as unknown as Channel['caller'])
  ch.transaction = new Transaction(broker.openTransactions)
  for (let tag = 1; tag <= COUNT; tag++) {
    encodeContent('', 'q', {}, Buffer.from('m'), m)
    q.publish(m)
    const got = q.get()
    q.takeGot(false)
    ch.unsettled.add(q, got?.sequence ?? -1, undefined)
    ch.transaction.addSettle(ch, tag, false, how(tag))
  }
  txMethods[MethodId.TxCommit](ch)
  let count = 0
  while (steps?.next().done === false) count++
  expect([ch.unsettled.count, q.counts.unacked, q.counts.ready]).toEqual([0, 0, 0])
  return count
}

it.each<[string, (tag: number) => Settlement]>([
  ['acknowledgements', () => 'ack'],
  ['rejections', () => 'reject'],
  ['both', (tag) => (tag % 2 === 0 ? 'ack' : 'reject')],
])('%s are many to a step', (_, how) => {
  // In two rounds: those that acknowledge come first.
  expect(stepsOf(how)).toBe((2 * COUNT) / COMMITTED_PER_STEP)
})

it('but not where each takes long', () => {
  const clock = new (class extends ManualClock {
    override elapsed(): number {
      this.pass(STEP_MS)
      return super.elapsed()
    }
  })()
  expect(stepsOf(() => 'reject', clock)).toBeGreaterThan(COUNT)
})

it('there is a limit to them, whatever the number of deliveries', () => {
  const unsettled = { isOutstanding: () => true, nextFrom: (first: number) => first }
  const ch = { unsettled } as unknown as Channel
  const transaction = new Transaction({ routeBytes: 0 })
  for (let tag = 1; tag <= TRANSACTION_SETTLES_MAX; tag++) transaction.addSettle(ch, tag, false, 'ack')
  const tag = TRANSACTION_SETTLES_MAX + 1
  expect(() => transaction.addSettle(ch, tag, false, 'ack')).toThrow(/larger than 1048576 acknowledgements/)
  expect(transaction.settles.length).toBe(TRANSACTION_SETTLES_MAX)
  transaction.clear()
  transaction.addSettle(ch, tag, false, 'ack')
})
