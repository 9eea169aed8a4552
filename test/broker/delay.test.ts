import { describe, expect, it } from 'vitest'
import { delayOf } from '../../src/broker/exchange/delayed.ts'
import type { FieldValue } from '../../src/protocol/field-table.ts'
import { FieldTable, fieldEntry } from '../../src/protocol/field-table.ts'
import {
  bindQueue,
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  session,
} from '../support/session.ts'
import { useTarget } from '../support/target.ts'
import { table } from '../support/wire.ts'

const t = useTarget()
const text = (s: string): FieldValue => ({ type: 'S', value: Buffer.from(s) })

describe('the delay that x-delay asks for', () => {
  it.each<[FieldValue, number | undefined]>([
    [{ type: 'b', value: 100 }, 100],
    [{ type: 'B', value: 200 }, 200],
    [{ type: 's', value: 300 }, 300],
    [{ type: 'u', value: 40_000 }, 40_000],
    [{ type: 'I', value: 50_000 }, 50_000],
    [{ type: 'i', value: 3_000_000_000 }, 3_000_000_000],
    [{ type: 'l', value: 5_000_000_000n }, 5_000_000_000],
    [{ type: 'f', value: 1500.5 }, 1500],
    [{ type: 'd', value: 1500.9 }, 1500],
    [{ type: 'd', value: 1e3 }, 1000],
    [{ type: 'd', value: -1.5 }, -1],
    [{ type: 'd', value: Number.NaN }, undefined],
    [{ type: 'd', value: Number.POSITIVE_INFINITY }, undefined],
    [{ type: 'd', value: 1e300 }, Number.MAX_SAFE_INTEGER],
    [{ type: 'D', value: { scale: 1, digits: 15_005 } }, 1500],
    [{ type: 'I', value: -5 }, -5],
    [text('1500'), 1500],
    [text('+1500'), 1500],
    [text(' 1500 '), 1500],
    [text('1500.9'), 1500],
    [text('1.5e3'), 1500],
    [text('15E+2'), 1500],
    [text('-7'), -7],
    [text('.5e3'), 500],
    [text(''), undefined],
    [text('soon'), undefined],
    [text('10 s'), undefined],
    [text('0x10'), undefined],
    [text('1e999'), undefined],
    [{ type: 't', value: true }, undefined],
    [{ type: 'T', value: 5n }, undefined],
    [{ type: 'V', value: undefined }, undefined],
    [{ type: 'A', value: [] }, undefined],
  ])('%o: %s', (v, ms) => {
    expect(delayOf(v)).toBe(ms)
  })

  it('nothing where there is no such header', () => {
    expect(delayOf(undefined)).toBeUndefined()
  })
})

it('messages wait whatever type the delay has, and come with its negative', async () => {
  const w = await session(t)
  const x = await declareExchange(w, 'x-delayed-message', {
    arguments: table({ 'x-delayed-type': 'fanout' }),
  })
  const q = await declareQueue(w)
  await bindQueue(w, q, x)
  await confirmSelect(w)
  const values: FieldValue[] = [
    text('600'),
    text('6e2'),
    { type: 'd', value: 600 },
    { type: 'f', value: 600.5 },
  ]
  for (const v of values)
    w.publish(CH, {
      exchange: x,
      properties: { headers: FieldTable.of([fieldEntry('x-delay', v)]) },
      body: 'x',
    })
  await confirmed(w, values.length)
  expect(await counts(w, q)).toMatchObject({ messages: 0 })
  await consume(w, q)
  for (const d of await deliveries(w, values.length))
    expect(d.properties?.headers?.toPlain()['x-delay']).toBe(-600)
})

it.each(['-600', '0', 'soon'])('messages with x-delay %s go at once', async (delay) => {
  const w = await session(t)
  const x = await declareExchange(w, 'x-delayed-message', {
    arguments: table({ 'x-delayed-type': 'fanout' }),
  })
  const q = await declareQueue(w)
  await bindQueue(w, q, x)
  w.publish(CH, { exchange: x, properties: { headers: table({ 'x-delay': delay }) }, body: 'x' })
  expect(await counts(w, q)).toMatchObject({ messages: 1 })
})
