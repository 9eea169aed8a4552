/** x-arguments of queues: what each kind takes, refuses, and compares with a redeclaration. */
import { describe, expect, it } from 'vitest'
import { rows } from '../../src/broker/arguments/table.ts'
import {
  FieldTable,
  type FieldValue,
  fieldEntry,
  type PlainValue,
  toField,
} from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, session } from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { argumentValues, type Values } from './argument-values.ts'

const t = useTarget()
type Kind = 'classic' | 'quorum' | 'stream'

const text = (s: string): FieldValue => ({ type: 'S', value: Buffer.from(s) })
const int = (value: number): FieldValue => ({ type: 'I', value })
const long = (value: bigint): FieldValue => ({ type: 'l', value })
const double: FieldValue = { type: 'd', value: 5 }
const yes: FieldValue = { type: 't', value: true }

/** Declares the queue once with each of the sets of arguments; the answer to the last. */
async function declared(kind: Kind, ...sets: Record<string, FieldValue>[]): Promise<string> {
  const w = await session(t)
  const queue = fresh('q')
  let answer = 'ok'
  for (const set of sets) {
    const all = kind === 'classic' ? set : { ...set, 'x-queue-type': text(kind) }
    const args = FieldTable.of(Object.entries(all).map(([name, v]) => fieldEntry(name, v)))
    w.send(CH, MethodId.QueueDeclare, { queue, durable: true, arguments: args })
    const { method } = await w.next(CH)
    if (method.id === MethodId.QueueDeclareOk) continue
    if (method.id !== MethodId.ChannelClose) throw new Error(`unexpected ${JSON.stringify(method)}`)
    answer = method.replyText.replace(queue, 'q').replace('PRECONDITION_FAILED - ', '')
  }
  const v = await session(t)
  await v.call(CH, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
  return answer
}

const invalid = (name: string, why: string): string =>
  `invalid arg '${name}' for queue 'q' in vhost '/': ${why}`

describe('values of arguments', () => {
  it.each<[Kind, string, FieldValue, string]>([
    ['classic', 'x-queue-version', int(9), '"unsupported queue version \'9\'"'],
    ['classic', 'x-queue-version', int(0), '"unsupported queue version \'0\'"'],
    ['classic', 'x-queue-version', int(-1), '{value_negative,-1}'],
    ['classic', 'x-queue-version', text('2'), '"expected integer, got longstr"'],
    ['classic', 'x-queue-mode', text('eager'), '"unsupported queue mode \'eager\'"'],
    ['classic', 'x-queue-mode', int(5), '{unacceptable_type,signedint}'],
    ['classic', 'x-queue-type', text('nosuch'), '"unsupported queue type \'nosuch\'"'],
    ['classic', 'x-queue-type', int(5), '{unacceptable_type,signedint}'],
    ['classic', 'x-single-active-consumer', text('true'), '{unacceptable_type,longstr}'],
    ['quorum', 'x-single-active-consumer', int(1), '{unacceptable_type,signedint}'],
    ['classic', 'x-overflow', text('nosuch'), 'invalid_overflow'],
    ['classic', 'x-overflow', int(5), '{unacceptable_type,signedint}'],
    ['classic', 'x-max-priority', int(256), '{max_value_exceeded,256}'],
    ['classic', 'x-max-priority', long(2n ** 53n + 1n), '{max_value_exceeded,9007199254740993}'],
    ['classic', 'x-expires', int(0), '{value_zero,0}'],
    ['classic', 'x-expires', long(315_360_000_001n), '{value_too_large,315360000001}'],
    ['quorum', 'x-message-ttl', long(315_360_000_001n), '{value_too_large,315360000001}'],
    ['classic', 'x-message-ttl', long(2n ** 63n - 1n), '{value_too_large,9223372036854775807}'],
    ['classic', 'x-message-ttl', double, '"expected integer, got double"'],
    ['classic', 'x-max-length', int(-1), '{value_negative,-1}'],
    ['quorum', 'x-quorum-initial-group-size', int(0), '{value_zero,0}'],
    ['quorum', 'x-queue-leader-locator', text('nosuch'), 'invalid_queue_locator_arg'],
    ['stream', 'x-queue-leader-locator', text('nosuch'), 'invalid_queue_locator_arg'],
    ['stream', 'x-initial-cluster-size', int(0), '{value_zero,0}'],
    ['stream', 'x-max-age', text('0s'), 'invalid_max_age'],
    ['stream', 'x-max-age', int(5), '{unacceptable_type,signedint}'],
  ])('%s: %s=%o is refused', async (kind, name, value, why) => {
    expect(await declared(kind, { [name]: value })).toBe(invalid(name, why))
  })

  it.each<[Kind, string, FieldValue]>([
    ['classic', 'x-queue-version', int(1)],
    ['classic', 'x-queue-version', int(2)],
    ['classic', 'x-queue-mode', text('lazy')],
    ['classic', 'x-expires', long(315_360_000_000n)],
    ['classic', 'x-message-ttl', int(0)],
    ['classic', 'x-consumer-timeout', int(60_000)],
    ['classic', 'x-consumer-timeout', text('60000')],
    ['stream', 'x-consumer-timeout', int(60_000)],
    ['classic', 'x-stream-filter-size-bytes', int(5)],
    ['quorum', 'x-stream-filter-size-bytes', text('x')],
    ['quorum', 'x-quorum-target-group-size', text('x')],
    ['quorum', 'x-delivery-limit', int(-1)],
    ['quorum', 'x-delivery-limit', text('5')],
    ['quorum', 'x-queue-leader-locator', text('balanced')],
    ['stream', 'x-queue-leader-locator', text('client-local')],
    ['stream', 'x-max-age', text('7D')],
    ['classic', 'x-stream-offset', int(5)],
    ['classic', 'x-of-ones-own', yes],
  ])('%s: %s=%o is taken', async (kind, name, value) => {
    expect(await declared(kind, { [name]: value })).toBe('ok')
  })

  it.each<[Kind, string, FieldValue]>([
    ['quorum', 'x-max-priority', int(5)],
    ['quorum', 'x-queue-mode', text('lazy')],
    ['quorum', 'x-queue-version', int(2)],
    ['quorum', 'x-max-age', text('1D')],
    ['stream', 'x-message-ttl', int(5)],
    ['stream', 'x-expires', int(5)],
    ['stream', 'x-max-length', int(5)],
    ['stream', 'x-overflow', text('drop-head')],
    ['stream', 'x-dead-letter-exchange', text('x')],
    ['stream', 'x-single-active-consumer', yes],
    ['classic', 'x-max-age', text('1D')],
    ['classic', 'x-quorum-initial-group-size', int(1)],
    ['classic', 'x-dead-letter-strategy', text('at-most-once')],
  ])('%s queues have no %s', async (kind, name, value) => {
    expect(await declared(kind, { [name]: value })).toBe(
      `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_${kind}_queue`,
    )
  })

  it.each<[Kind, FieldValue, string]>([
    ['classic', int(5), 'signedint'],
    ['quorum', yes, 'bool'],
    ['stream', double, 'double'],
  ])('%s: a dead-letter exchange that is no text is refused', async (kind, value, type) => {
    expect(await declared(kind, { 'x-dead-letter-exchange': value })).toBe(
      `invalid type '${type}' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'`,
    )
  })

  differs('RabbitMQ 3.10 takes any; later versions say something else')(
    'x-stream-filter-size-bytes goes from 16 to 255',
    async () => {
      const name = 'x-stream-filter-size-bytes'
      expect(await declared('stream', { [name]: int(15) })).toBe(invalid(name, '{value_out_of_range,15}'))
      expect(await declared('stream', { [name]: int(255) })).toBe('ok')
    },
  )

  differs('RabbitMQ 3.10 has it for other kinds only')(
    'classic queues take x-queue-leader-locator',
    async () => {
      expect(await declared('classic', { 'x-queue-leader-locator': text('balanced') })).toBe('ok')
    },
  )
})

const kinds: readonly Kind[] = ['classic', 'quorum', 'stream']
const byRow = rows.flatMap((row) => kinds.map((kind) => [row.name, kind, row] as const))

const fields = (plain: { [name: string]: PlainValue }): Record<string, FieldValue> =>
  Object.fromEntries(Object.entries(plain).map(([name, v]) => [name, toField(v)]))

describe('every argument', () => {
  const ours = differs('the table is of 4.x, with some of Leveret’s own')

  ours.each(byRow)('%s, right, is taken or refused by the kind: %s', async (name, kind, row) => {
    const { good, needs = {} } = argumentValues[name] as Values
    const answer = await declared(
      kind,
      fields(row.kinds.includes(kind) ? { ...needs, [name]: good } : { [name]: good }),
    )
    if (row.kinds.includes(kind) || row.takenByAll === true) expect(answer).toBe('ok')
    else
      expect(answer).toMatch(
        new RegExp(`^invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_`),
      )
  })

  ours.each(byRow.filter(([, kind, row]) => row.kinds.includes(kind)))(
    '%s, wrong, is refused or not looked at: %s',
    async (name, kind, { unchecked }) => {
      const { bad } = argumentValues[name] as Values
      const answer = await declared(kind, { [name]: toField(bad) })
      if (unchecked === true) expect(answer).toBe('ok')
      else expect(answer).toMatch(new RegExp(`^invalid (arg|type '\\w+' for arg) '${name}'`))
    },
  )
})

describe('redeclaration with another', () => {
  it.each<[Kind, string, FieldValue, FieldValue]>([
    ['classic', 'x-consumer-timeout', int(60_000), int(70_000)],
    ['quorum', 'x-consumer-timeout', int(60_000), int(70_000)],
    ['stream', 'x-stream-filter-size-bytes', int(16), int(32)],
    ['quorum', 'x-quorum-target-group-size', int(1), int(3)],
    ['classic', 'x-of-ones-own', int(1), int(2)],
  ])('%s: %s is fine', async (kind, name, first, second) => {
    expect(await declared(kind, { [name]: first }, { [name]: second })).toBe('ok')
    expect(await declared(kind, { [name]: first }, {})).toBe('ok')
    expect(await declared(kind, {}, { [name]: second })).toBe('ok')
  })

  it.each<[Kind, string, FieldValue, FieldValue, string]>([
    ['classic', 'x-message-ttl', int(1), int(2), "received '2' but current is '1'"],
    ['classic', 'x-queue-version', int(1), int(2), "received '2' but current is '1'"],
    ['classic', 'x-queue-mode', text('default'), text('lazy'), "received 'lazy' but current is 'default'"],
    ['classic', 'x-max-priority', int(5), int(6), "received '6' but current is '5'"],
    ['quorum', 'x-delivery-limit', int(5), int(6), "received '6' but current is '5'"],
    ['quorum', 'x-overflow', text('drop-head'), text('reject-publish'), "received 'reject-publish' but"],
    ['stream', 'x-max-age', text('1D'), text('2D'), "received '2D' but current is '1D'"],
  ])('%s: %s is 406', async (kind, name, first, second, difference) => {
    const answer = await declared(kind, { [name]: first }, { [name]: second })
    expect(answer).toContain(`inequivalent arg '${name}' for queue 'q' in vhost '/': ${difference}`)
  })
})
