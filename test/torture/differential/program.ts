/** Random programs: what is there is known roughly, so that most steps are about something, and some are wrong on purpose. */
import type { Random } from '../random.ts'
import { type Known, queues, rarely } from './known.ts'
import { channelStep, consumeStep, getStep, handshakeStep, publishStep, settleStep } from './messages.ts'
import { clients, type Step } from './step.ts'
import { bindStep, declareExchange, declareQueue, deleteStep, policyStep, purgeStep } from './topology.ts'

type Maker = (random: Random, known: Known, client: number) => Step

/** How often each is done. */
const makers: readonly (readonly [number, Maker])[] = [
  [5, declareQueue],
  [2, declareExchange],
  [2, deleteStep],
  [1, purgeStep],
  [5, bindStep],
  [3, policyStep],
  [40, publishStep],
  [12, getStep],
  [9, consumeStep],
  [24, settleStep],
  [11, channelStep],
  [1, (r, _, client) => (rarely(r, 3) ? { do: 'cut', client } : handshakeStep(r))],
]
const ALL = makers.reduce((sum, [weight]) => sum + weight, 0)

function make(random: Random, known: Known, client: number): Step {
  let at = random(ALL)
  for (const [weight, maker] of makers) {
    if (at < weight) return maker(random, known, client)
    at -= weight
  }
  throw new RangeError('no such step')
}

/** Some queues, exchanges and bindings first; at the end everything comes back and is taken. */
export function makeProgram(random: Random, count: number, version: readonly number[]): Step[] {
  const transactional = clients.flatMap(({ mode }, i) => (mode === 'tx' ? [i] : []))
  const history = { transactional: new Set(transactional), isFed: false, hasAny: false, isUncertain: false }
  const known: Known = {
    queues: new Map(),
    exchanges: new Map(),
    history,
    getters: new Set(),
    number: 0,
    version,
  }
  const steps: Step[] = []
  for (let i = 0; i < 3; i++) steps.push(declareQueue(random, known, random(clients.length)))
  for (let i = 0; i < 2; i++) steps.push(declareExchange(random, known, random(clients.length)))
  for (let i = 0; i < 3; i++) steps.push(bindStep(random, known, random(clients.length)))
  while (steps.length < count) steps.push(make(random, known, random(clients.length)))
  steps.push({ do: 'list' })
  for (const [client] of clients.entries()) steps.push({ client, do: 'channel.close' })
  // One that can see what its connection has to itself, and one that can see the other's.
  for (const queue of queues)
    if (queue !== '@s') for (const client of [1, 3]) steps.push({ do: 'drain', client, queue })
  return steps
}
