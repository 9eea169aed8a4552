/** Dead letters of the simulation's oracle. */
import type { Mark } from './model-marks.ts'
import { historyOf, type Message, type OracleQueue } from './model-queue.ts'

/** @param targets the queues that an exchange routes a key to */
export function deadLetter(
  q: OracleQueue,
  m: Message,
  reason: string,
  targets: (exchange: string, key: string) => OracleQueue[],
  note: (m: Mark) => void,
): void {
  const { deadLetterExchange, deadLetterKey } = q.args
  if (deadLetterExchange === undefined) return
  const { deaths, passed } = historyOf(m, q.name, reason)
  const key = deadLetterKey ?? m.key
  const { id, priority, size, persistent } = m
  const dead: Message = { id, exchange: deadLetterExchange, key, priority, size, persistent, deaths }
  const found = targets(deadLetterExchange, key)
  if (found.length === 0) note('dead letter goes nowhere')
  for (const target of found) {
    if (passed.includes(target.name)) {
      note('dead-letter cycle dropped')
      continue
    }
    if (target === q) note('rejected message comes back to its own queue')
    if (reason === 'maxlen' && !('number' in m)) note('refused publish is dead-lettered')
    if (!target.publish(dead, -1)) note('dead letter refused by a full queue')
  }
}
