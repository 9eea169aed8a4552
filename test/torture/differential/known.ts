/** What a program has asked for so far, and what its steps choose from. */
import { isOlder } from '../../../src/util/version.ts'
import type { Random } from '../random.ts'
import type { Named } from './side.ts'
import type { MethodStep } from './step.ts'

export const queues = ['@a', '@b', '@c', '@d', '@q', '@r', '@s', '@e'] as const
export const exchanges = ['@x', '@y', '@z', '@h', '@w'] as const
export const policies = ['@p1', '@p2', '@o1'] as const
export const named: Named = { queues, exchanges, policies }

/** What a program has asked for so far. */
export interface Known {
  /** Declared with these, and not deleted since. */
  readonly queues: Map<string, MethodStep>
  readonly exchanges: Map<string, MethodStep>
  /** Whether something else leads to the exchange that remembers, and what it may have. */
  readonly history: History
  /** Channels that have got messages that they acknowledge. */
  readonly getters: Set<number>
  /** Counts bodies and tags. */
  number: number
  /** Of RabbitMQ. */
  readonly version: readonly number[]
}

/**
 * Of the exchange @w. What it remembers goes to whatever is bound later, which may not show before many steps have passed.
 */
export interface History {
  /** Channels that have begun transactions. */
  readonly transactional: Set<number>
  isFed: boolean
  hasAny: boolean
  /** Some was published in a transaction: RabbitMQ has it at once, and where that is rolled back. */
  isUncertain: boolean
}

export const oneOf = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T
export const rarely = (random: Random, in_: number): boolean => random(in_) === 0
/** Whether RabbitMQ is of that release or a later one. */
export function isFrom({ version }: Known, ...release: readonly number[]): boolean {
  return !isOlder([...version], [...release])
}
/** Without the flags that are not set. */
export function flags(of: { readonly [name: string]: boolean }): { readonly [name: string]: true } {
  return Object.fromEntries(Object.entries(of).filter(([, set]) => set)) as { [name: string]: true }
}

/** One that is there, or nearly always. */
export function someQueue(random: Random, known: Known): string {
  if (rarely(random, 60)) return oneOf(random, ['', '$gen', '@nowhere', 'amq.nosuch'])
  const there = [...known.queues.keys()]
  return there.length === 0 || rarely(random, 15) ? oneOf(random, queues) : oneOf(random, there)
}
