/** What helps operators to understand: diagnosis, where a message would go, messages as they pass. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { TAILS_MAX } from '../../src/operations/tail-limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, consume, deliveries, session } from '../support/session.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import type { Wire } from '../support/wire.ts'
import { type Answer, useHttp } from './target.ts'

const http = useHttp()

const open = (): Promise<Wire> => session({ url: http.amqp } as Parameters<typeof session>[0])

async function queue(args: object = {}): Promise<string> {
  const name = fresh('q')
  expect((await http.put(`queues/%2F/${name}`, { durable: true, arguments: args })).status).toBe(201)
  return name
}

const publish = (routing_key: string, x = 'amq.default', properties: object = {}): Promise<Answer> =>
  http.post(`exchanges/%2F/${x}/publish`, {
    properties,
    routing_key,
    payload: 'p',
    payload_encoding: 'string',
  })

interface Finding {
  readonly code: string
  readonly severity: string
  readonly sentence: string
  readonly connection?: string
  readonly since?: number
}

async function findings(name: string): Promise<Finding[]> {
  const { status, json } = await http.get(`queues/%2F/${name}/diagnosis`)
  expect(status).toBe(200)
  expect([json.vhost, json.queue]).toEqual(['/', name])
  return json.findings
}

describe('the diagnosis of a queue', () => {
  it('says that it has no consumer, and how many messages wait', async () => {
    const name = await queue()
    expect(await findings(name)).toContainEqual(
      expect.objectContaining({ code: 'no_consumer', severity: 'info' }),
    )
    await publish(name)
    expect(await findings(name)).toContainEqual({
      code: 'no_consumer',
      severity: 'warning',
      sentence: 'It has no consumer: 1 message waits and nobody takes it.',
    })
  })

  it('says that consumers are at their prefetch limit, and who holds the messages since when', async () => {
    const name = await queue()
    const w = await open()
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
    await consume(w, name)
    for (let i = 0; i < 5; i++) await publish(name)
    await deliveries(w, 2)
    const all = await findings(name)
    expect(all).toContainEqual({
      code: 'consumers_at_prefetch_limit',
      severity: 'warning',
      sentence:
        'Its consumer is at its prefetch limit: 2 messages are unacknowledged, and no more are delivered until some are acknowledged.',
    })
    const held = all.find((f) => f.code === 'unacked_held_by_connection')
    const [connection] = (await http.get('connections')).json.map((c: { name: string }) => c.name)
    expect(held?.sentence).toMatch(
      /^All 2 unacknowledged messages are held by connection '.*' \(user 'guest'\), the first since \d\d:\d\d:\d\d UTC\.$/,
    )
    expect(held?.connection).toBe(connection)
    expect(Math.abs(Date.now() - (held?.since ?? 0))).toBeLessThan(60_000)
  })

  it('says so where only some are, and where the limit is the channel’s', async () => {
    const name = await queue()
    const w = await open()
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
    await consume(w, name)
    for (let i = 0; i < 3; i++) await publish(name)
    await deliveries(w, 1)
    expect((await findings(name)).map((f) => f.code)).toContain('consumers_at_prefetch_limit')
    const other = await open()
    await other.call(CH, MethodId.BasicQos, { prefetchCount: 100 }, MethodId.BasicQosOk)
    await consume(other, name)
    await deliveries(other, 2)
    // Nothing is ready any more: nobody's limit is in the way.
    expect((await findings(name)).map((f) => f.code)).not.toContain('consumers_at_prefetch_limit')
  })

  it('names who holds what was fetched by basic.get', async () => {
    const name = await queue()
    await publish(name)
    const w = await open()
    await w.call(CH, MethodId.BasicGet, { queue: name }, MethodId.BasicGetOk)
    expect((await findings(name)).find((f) => f.code === 'unacked_held_by_connection')?.sentence).toMatch(
      /^The unacknowledged message is held by connection/,
    )
  })

  it('says that publishers are faster than consumers', async () => {
    const name = await queue()
    const rising = async (): Promise<Finding | undefined> => {
      await publish(name)
      return (await findings(name)).find((f) => f.code === 'publish_rate_above_deliver_rate')
    }
    let found: Finding | undefined
    await until(async () => {
      found = await rising()
      return found !== undefined
    }, 'the rates')
    expect(found?.severity).toBe('warning')
    expect(found?.sentence).toMatch(/^It grows by [\d.,]+\/s: [\d.,]+\/s are published and 0\/s delivered\.$/)
  })

  it.each([
    [{ 'x-max-length': 1 }, 'for each new message the oldest one is dropped.'],
    [{ 'x-max-length': 1, 'x-overflow': 'reject-publish' }, 'publishes to it are refused.'],
    [{ 'x-max-length': 1, 'x-dead-letter-exchange': 'amq.fanout' }, 'the oldest one is dead-lettered.'],
  ])('says that it is full: %o', async (args, text) => {
    const name = await queue(args)
    await publish(name)
    const { sentence } = (await findings(name)).find((f) => f.code === 'length_limit') as Finding
    expect(sentence).toBe(`It is full (at most 1 messages): ${sentence.split(': ')[1]}`)
    expect(sentence).toContain(text)
  })

  it('says that the dead-letter exchange is not there', async () => {
    const name = await queue({ 'x-dead-letter-exchange': 'nowhere' })
    expect((await findings(name)).map((f) => f.code)).toContain('dead_letter_exchange_missing')
  })

  it('says that nothing is in the way, and who is served where one is active', async () => {
    const name = await queue({ 'x-queue-type': 'quorum', 'x-single-active-consumer': true })
    const w = await open()
    const tag = await consume(w, name)
    await consume(w, name)
    const all = await findings(name)
    expect(all.at(-1)).toMatchObject({ code: 'ok', severity: 'ok' })
    expect(all[0]?.sentence).toBe(`One consumer is served, '${tag}'; 1 other waits for its end.`)
  })

  it('is for those who see the vhost, and of queues that are there', async () => {
    await http.put('users/outsider', { password: 'p', tags: 'management' })
    const name = await queue()
    expect((await http.get(`queues/%2F/${name}/diagnosis`, 'outsider:p')).status).toBe(401)
    expect((await http.get('queues/%2F/no-such/diagnosis')).status).toBe(404)
  })
})

describe('where a message would go', () => {
  const route = (x: string, body: object = {}, login?: string): Promise<Answer> =>
    http.call('POST', `exchanges/%2F/${x}/route`, body, login)

  it('is said with the exchanges on the way, and nothing is published', async () => {
    const [outer, inner, a, b] = [fresh('x'), fresh('x'), await queue(), await queue()]
    await http.put(`exchanges/%2F/${outer}`, { type: 'topic' })
    await http.put(`exchanges/%2F/${inner}`, { type: 'headers', internal: true })
    await http.post(`bindings/%2F/e/${outer}/q/${a}`, { routing_key: 'stock.*' })
    await http.post(`bindings/%2F/e/${outer}/e/${inner}`, { routing_key: '#' })
    await http.post(`bindings/%2F/e/${inner}/q/${b}`, { arguments: { tenant: 'acme' } })
    const to = async (key: string, headers: object = {}): Promise<unknown> =>
      (await route(outer, { routing_key: key, properties: { headers } })).json
    expect(await to('stock.nyse')).toEqual({ routed: true, queues: [{ name: a, via: [outer] }], notes: [] })
    expect(await to('x', { tenant: 'acme' })).toMatchObject({ queues: [{ name: b, via: [outer, inner] }] })
    expect(await to('x')).toEqual({ routed: false, queues: [], notes: [] })
    expect((await route(inner, { properties: { headers: { tenant: 'acme' } } })).json.queues).toHaveLength(1)
    expect((await route('amq.default', { routing_key: a })).json.queues).toEqual([{ name: a, via: [''] }])
    for (const q of [a, b]) expect((await http.get(`queues/%2F/${q}`)).json.messages).toBe(0)
    expect((await http.get(`exchanges/%2F/${outer}`)).json.message_stats.publish_in).toBe(0)
  })

  it('takes alternate exchanges, carbon copies and delays into account', async () => {
    const [x, a, b] = [fresh('x'), await queue(), await queue()]
    await http.put(`exchanges/%2F/${x}`, {
      type: 'x-delayed-message',
      arguments: { 'x-delayed-type': 'direct', 'alternate-exchange': 'amq.fanout' },
    })
    await http.post(`bindings/%2F/e/amq.fanout/q/${b}`, {})
    await http.post(`bindings/%2F/e/${x}/q/${a}`, { routing_key: 'k' })
    expect((await route(x, { routing_key: 'other' })).json.queues).toEqual([
      { name: b, via: [x, 'amq.fanout'] },
    ])
    const copy = { routing_key: 'other', properties: { headers: { CC: ['k'] } } }
    expect((await route(x, copy)).json.queues).toEqual([{ name: a, via: [x] }])
    const { json } = await route(x, { routing_key: 'k', properties: { headers: { 'x-delay': 1000 } } })
    expect([json.routed, json.queues, json.notes.length]).toEqual([true, [], 1])
  })

  it('is for those who may publish there', async () => {
    await http.put('users/router', { password: 'p', tags: 'management' })
    await http.put('permissions/%2F/router', { configure: '', write: '^amq\\.topic$', read: '' })
    await http.put('topic-permissions/%2F/router', { exchange: 'amq.topic', write: '^ok$', read: '' })
    expect((await route('amq.topic', { routing_key: 'ok' }, 'router:p')).status).toBe(200)
    for (const [x, key] of [
      ['amq.topic', 'other'],
      ['amq.direct', 'ok'],
    ] as const) {
      const { status, json } = await route(x, { routing_key: key }, 'router:p')
      expect([status, json.reason]).toEqual([400, expect.stringContaining('403 ')])
    }
    expect((await route('no-such')).status).toBe(404)
    expect((await route('amq.topic', { routing_key: 'k'.repeat(256) })).status).toBe(400)
    expect((await route('amq.topic', { properties: { headers: [1] } })).status).toBe(400)
  })
})

interface Event {
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  readonly data: any
}

/** Watches until it is over, or the test is. */
class Watched {
  readonly events: Event[] = []
  status = 0
  type: string | null = null
  text = ''
  over = false
  private readonly abort = new AbortController()

  static async of(path: string, login = 'guest:guest'): Promise<Watched> {
    const w = new Watched()
    onTestFinished(() => w.abort.abort())
    const response = await fetch(`${http.base}/api/${path}`, {
      signal: w.abort.signal,
      headers: {
        authorization: `Basic ${Buffer.from(login).toString('base64')}`,
        accept: 'text/event-stream',
      },
    })
    w.status = response.status
    w.type = response.headers.get('content-type')
    if (response.status === 200) {
      w.read(response).catch(() => {
        w.over = true
      })
    } else w.text = await response.text()
    return w
  }

  stop(): void {
    this.abort.abort()
  }

  private async read(response: Response): Promise<void> {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      this.text += Buffer.from(chunk).toString()
      for (let end = this.text.indexOf('\n\n'); end >= 0; end = this.text.indexOf('\n\n')) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(this.text.slice(0, end)) ?? []
        this.text = this.text.slice(end + 2)
        if (event !== undefined) this.events.push({ event, data: JSON.parse(data as string) })
      }
    }
    this.over = true
  }

  async seen(count: number): Promise<void> {
    await until(() => this.events.length >= count, `${count} events`)
  }
}

describe('watching messages as they pass', () => {
  it('shows what is published to a queue and delivered from it, up to the limit, and takes nothing', async () => {
    const [name, other] = [await queue(), await queue()]
    const t = await Watched.of(`queues/%2F/${name}/tail?limit=3`)
    expect([t.status, t.type]).toEqual([200, 'text/event-stream'])
    await publish(other)
    await publish(name, 'amq.default', { headers: { a: 1 }, message_id: 'm1' })
    const w = await open()
    await consume(w, name)
    await deliveries(w, 1)
    await publish(name)
    await t.seen(4)
    expect(t.events.map((e) => e.event)).toEqual(['published', 'delivered', 'published', 'end'])
    expect(t.events[0]?.data).toMatchObject({
      payload: 'p',
      routing_key: name,
      exchange: '',
      queues: [name],
      user: 'guest',
      connection: 'HTTP',
      redelivered: false,
      properties: { message_id: 'm1', headers: { a: 1 } },
    })
    expect(t.events[1]?.data).toMatchObject({ queues: [name], channel: 1 })
    expect(t.events[3]?.data).toEqual({ reason: 'limit', missed: 0 })
    await until(() => t.over, 'its end')
  })

  it('shows what is published to an exchange with keys that fit', async () => {
    const t = await Watched.of('exchanges/%2F/amq.topic/tail?limit=2&key=stock.*.%23')
    for (const key of ['stock', 'other.nyse', 'stock.nyse', 'stock.nyse.ibm']) await publish(key, 'amq.topic')
    await publish('stock.x', 'amq.direct')
    await t.seen(3)
    expect(t.events.map((e) => e.data.routing_key)).toEqual(['stock.nyse', 'stock.nyse.ibm', undefined])
  })

  it('is for those who may read, and over when they may not any more', async () => {
    const name = await queue()
    await http.put('users/watcher', { password: 'p', tags: 'management' })
    const may = (read: string): Promise<Answer> =>
      http.put('permissions/%2F/watcher', { configure: '', write: '', read })
    await may('')
    expect((await Watched.of(`queues/%2F/${name}/tail`, 'watcher:p')).status).toBe(401)
    expect((await Watched.of('exchanges/%2F/amq.topic/tail', 'watcher:p')).status).toBe(401)
    await may('.*')
    const t = await Watched.of(`queues/%2F/${name}/tail`, 'watcher:p')
    await may('^something-else$')
    await publish(name)
    await t.seen(1)
    expect(t.events).toEqual([{ event: 'end', data: { reason: 'rights', missed: 0 } }])
  })

  it('of the default exchange shows what goes to queues that the user may read', async () => {
    const [mine, yours] = [await queue(), await queue()]
    await http.put('users/peeper', { password: 'p', tags: 'management' })
    const read = `^amq\\.default$|^${mine}$`
    await http.put('permissions/%2F/peeper', { configure: '', write: '', read })
    const t = await Watched.of('exchanges/%2F/amq.default/tail?limit=1', 'peeper:p')
    expect(t.status).toBe(200)
    await publish(yours)
    await publish(mine)
    await t.seen(2)
    expect(t.events[0]?.data.routing_key).toBe(mine)
  })

  it('comes in one answer to whoever does not ask for events', async () => {
    const name = await queue()
    const answer = http.get(`queues/%2F/${name}/tail?limit=2&seconds=60`)
    let over = false
    const end = answer.then(() => {
      over = true
    })
    await until(async () => {
      if (!over) await publish(name)
      return over
    }, 'the answer')
    await end
    const { status, json } = await answer
    expect([status, json.reason, json.missed, json.messages.length]).toEqual([200, 'limit', 0, 2])
    expect(json.messages[0]).toMatchObject({ event: 'published', queues: [name], payload: 'p' })
    const nothing = (await http.get(`queues/%2F/${await queue()}/tail`)).json
    expect(nothing).toEqual({ messages: [], reason: 'time', missed: 0 })
    for (const seconds of ['0', '601', 'x'])
      expect((await http.get(`queues/%2F/${name}/tail?seconds=${seconds}`)).status).toBe(400)
  })

  it('ends with its queue', async () => {
    const name = await queue()
    const t = await Watched.of(`queues/%2F/${name}/tail`)
    await http.delete(`queues/%2F/${name}`)
    await t.seen(1)
    expect(t.events[0]?.data.reason).toBe('gone')
  })

  it('is refused with limits that are none, for what is not there, and beyond so many watchers', async () => {
    const name = await queue()
    for (const limit of ['0', '1001', 'x', '-1', ''])
      expect((await Watched.of(`queues/%2F/${name}/tail?limit=${limit}`)).status).toBe(400)
    expect((await Watched.of('queues/%2F/no-such/tail')).status).toBe(404)
    const all: Watched[] = []
    for (let i = 0; i < TAILS_MAX; i++) all.push(await Watched.of(`queues/%2F/${name}/tail`))
    const last = async (): Promise<number> => {
      const t = await Watched.of(`queues/%2F/${name}/tail`)
      t.stop()
      return t.status
    }
    await until(async () => (await last()) === 429, 'the bound')
    for (const t of all) t.stop()
    await until(async () => (await last()) === 200, 'room again')
  })
})

describe('redrive of one message', () => {
  it('sends that one back, and leaves the others', async () => {
    const dead = await queue()
    const work = await queue({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead })
    for (let i = 0; i < 3; i++) await publish(work)
    const take = { count: 3, ackmode: 'reject_requeue_false', encoding: 'auto' }
    await http.post(`queues/%2F/${work}/get`, take)
    const peeked = (await http.get(`queues/%2F/${dead}/peek`)).json
    expect(peeked).toHaveLength(3)
    const { json } = await http.post(`queues/%2F/${dead}/redrive`, { message: peeked[1].number })
    expect(json).toEqual({ moved: 1, skipped: 0 })
    const left = (await http.get(`queues/%2F/${dead}/peek`)).json.map((m: { number: number }) => m.number)
    expect(left).toEqual([peeked[0].number, peeked[2].number])
    expect((await http.get(`queues/%2F/${work}/peek`)).json).toHaveLength(1)
    const again = await http.post(`queues/%2F/${dead}/redrive`, { message: peeked[1].number })
    expect(again.json).toEqual({ moved: 0, skipped: 0 })
  })
})
