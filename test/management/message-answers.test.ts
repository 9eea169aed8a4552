/** Messages over HTTP: described one by one, and bounded while nobody reads them. */
import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Unsettled } from '../../src/channel/unsettled.ts'
import { TAKEN_BYTES_MAX } from '../../src/limits.ts'
import { BodyBudget } from '../../src/management/body-budget.ts'
import { HttpError } from '../../src/management/http.ts'
import { oneByOne } from '../../src/management/listing.ts'
import { messageJson } from '../../src/management/message.ts'
import { Pace } from '../../src/util/pace.ts'
import { CH, consume, declareQueue, deliveries, session } from '../support/session.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import { useHttp } from './target.ts'

const http = useHttp()
const get = { count: 10, ackmode: 'ack_requeue_true', encoding: 'auto' }

async function filled(count: number, payload: string): Promise<string> {
  const name = fresh('q')
  await http.put(`queues/%2F/${name}`)
  const message = { properties: {}, routing_key: name, payload, payload_encoding: 'string' }
  for (let i = 0; i < count; i++) await http.post('exchanges/%2F/amq.default/publish', message)
  return name
}

it('a list of large items is described as it is read', async () => {
  let described = 0
  const slow = (n: number): { n: number; other: number } => {
    // Longer than one piece of a list may take.
    for (const began = performance.now(); performance.now() - began < 11; );
    described++
    return { n, other: 0 }
  }
  const answer = oneByOne([1, 2, 3], slow, { columns: 'n' })
  expect([answer instanceof Readable, described]).toEqual([true, 1])
  const parts: string[] = []
  for await (const part of answer as Readable) parts.push(String(part))
  expect(JSON.parse(parts.join(''))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
})

it.each([['x'], ['\u{1f600}'], ['ax\u{1f600}'.repeat(7)]])(
  'a large item is sent in slices: %s',
  async (text) => {
    const items = [{ text: text.repeat(2_000_000 / text.length) }, { text }]
    const answer = oneByOne(items, (item) => item, {})
    const parts: Buffer[] = []
    for await (const part of answer as Readable) {
      expect(String(part).length).toBeLessThan(300_000)
      parts.push(Buffer.from(part))
    }
    expect(parts.length).toBeGreaterThan(6)
    expect(JSON.parse(Buffer.concat(parts).toString())).toEqual(items)
  },
)

describe('the messages of an answer', () => {
  it.each(['get', 'peek'])('count until it is sent: %s', async (how) => {
    const name = await filled(2, 'x'.repeat(50_000))
    const reserve = vi.spyOn(BodyBudget.prototype, 'reserve')
    onTestFinished(() => reserve.mockRestore())
    const released: number[] = []
    reserve.mockImplementation((_, octets) => () => void released.push(octets))
    const path = `queues/%2F/${name}`
    const { status, json } =
      how === 'get' ? await http.post(`${path}/get`, get) : await http.get(`${path}/peek`)
    expect([status, json.length]).toEqual([200, 2])
    await until(() => released.includes(100_000))
    expect(reserve.mock.calls.map(([, octets]) => octets)).toEqual(
      how === 'get' ? [TAKEN_BYTES_MAX, 100_000] : [100_000],
    )
  })

  it.each(['get', 'peek'])('are refused where too many wait, and stay in their queue: %s', async (how) => {
    const name = await filled(2, 'x'.repeat(50_000))
    const reserve = vi.spyOn(BodyBudget.prototype, 'reserve')
    onTestFinished(() => reserve.mockRestore())
    reserve.mockImplementation(() => {
      throw new HttpError(503, 'busy', 'busy')
    })
    const path = `queues/%2F/${name}`
    const ask = { ...get, ackmode: 'ack_requeue_false' }
    const { status } = how === 'get' ? await http.post(`${path}/get`, ask) : await http.get(`${path}/peek`)
    expect(status).toBe(503)
    reserve.mockRestore()
    expect((await http.post(`${path}/get`, get)).json.length).toBe(2)
  })

  it('tell who holds them, without looking through what is not shown for each', async () => {
    const w = await session({ url: http.amqp } as never)
    const queue = await declareQueue(w, { exclusive: false, autoDelete: true })
    for (let i = 0; i < 500; i++) w.publish(CH, { routingKey: queue, body: String(i) })
    await consume(w, queue, { consumerTag: 'holder' })
    await deliveries(w, 500)
    const looks = vi.spyOn(Unsettled.prototype, 'numberOf')
    onTestFinished(() => looks.mockRestore())
    const { json } = await http.get(`queues/%2F/${queue}/peek?offset=490&count=5`)
    expect(json.map((m: { held_by: { delivery_tag: number } }) => m.held_by.delivery_tag)).toEqual([
      491, 492, 493, 494, 495,
    ])
    expect(json[0].held_by).toMatchObject({ consumer_tag: 'holder', user: 'guest' })
    expect(looks.mock.calls.length).toBeLessThanOrEqual(500)
  })
})

it('a payload is text exactly where its octets are UTF-8', () => {
  const shown = (body: Buffer) =>
    messageJson(
      { exchange: '', routingKey: '', properties: {}, body, propertyBytes: Buffer.alloc(0) } as never,
      { encoding: 'auto', truncate: undefined },
    )
  for (const [octets, encoding] of [
    [Buffer.from('é\u{1f600}\ufeff'), 'string'],
    [Buffer.from([0xff, 0xfe]), 'base64'],
    [Buffer.from([0xed, 0xa0, 0x80]), 'base64'],
    [Buffer.from([0xc3]), 'base64'],
    [Buffer.alloc(0), 'string'],
  ] as const) {
    expect(shown(octets)['payload_encoding']).toBe(encoding)
    const payload = String(shown(octets)['payload'])
    expect(Buffer.from(payload, encoding === 'string' ? 'utf8' : 'base64')).toEqual(octets)
  }
})

it('lists of large parameters are answered one by one', async () => {
  const value = { uri: 'amqp://user:secret@host', text: 'x'.repeat(100_000) }
  for (let i = 0; i < 3; i++) await http.put(`parameters/federation-upstream/%2F/p${i}`, { value })
  // A look at the time takes longer than one piece of a list may take.
  const look = vi.spyOn(Pace.prototype, 'isLong', 'get').mockReturnValue(true)
  onTestFinished(() => look.mockRestore())
  const rest = vi.spyOn(Pace.prototype, 'rest')
  const { json } = await http.get('parameters/federation-upstream/%2F')
  const shown = { uri: 'amqp://user@host', text: value.text }
  expect(json.map((p: { value: object }) => p.value)).toEqual([shown, shown, shown])
  expect(rest.mock.calls.length).toBe(2)
  for (let i = 0; i < 3; i++) await http.delete(`parameters/federation-upstream/%2F/p${i}`)
})
