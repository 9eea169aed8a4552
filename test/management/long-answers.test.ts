/** What takes long because a request asks for much of it. */
import { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { InspectedQueue } from '../../src/broker/queue/queue.ts'
import { tableFrom } from '../../src/definitions/requests.ts'
import {
  FRAME_BYTES_MAX,
  HTTP_BODIES_BYTES_OF_USER_MAX,
  HTTP_BODY_BYTES_SHORT,
  HTTP_OBJECT_BYTES_MAX,
  LONG_ANSWERS_OF_USER_MAX,
  PARAMETER_BYTES_MAX,
} from '../../src/limits.ts'
import { BodyBudget } from '../../src/management/body-budget.ts'
import { Columns } from '../../src/management/columns.ts'
import { Request } from '../../src/management/http.ts'
import { Left } from '../../src/management/listing.ts'
import { LongAnswers } from '../../src/management/long-answers.ts'
import type { ManagedBroker, ManagedNode } from '../../src/management/managed-node.ts'
import { peek, peekQuestion } from '../../src/management/peek.ts'
import { Parameters } from '../../src/model/parameters.ts'
import type { Principal } from '../../src/security/principal.ts'
import type { GroupCommit } from '../../src/storage/batch.ts'
import { sortedSlowly } from '../../src/util/pace.ts'
import { StoredObjects } from '../../src/util/stored-objects.ts'
import { useHttp } from './target.ts'

const http = useHttp()

describe('columns', () => {
  it.each<[string, unknown]>([
    ['a', { a: 1 }],
    ['a,a', { a: 1 }],
    ['b.c', { b: { c: 2 } }],
    ['b.c,b.d,b.e', { b: { c: 2, d: 3 } }],
    ['b.c,b', { b: { c: 2, d: 3 } }],
    ['l.x', { l: [{ x: 1 }, {}, 5] }],
    ['nothing,a.b,__proto__,constructor.name', { a: 1 }],
    ['', {}],
    ['.', {}],
  ])('%s', (columns, expected) => {
    const object = { a: 1, b: { c: 2, d: 3 }, l: [{ x: 1 }, { y: 2 }, 5] }
    expect(JSON.parse(JSON.stringify(Columns.of(columns).pickOf(object)))).toEqual(expected)
  })

  it('of which a request names thousands cost no more for each object', () => {
    const many = Array.from({ length: 8000 }, (_, i) => `a.b${i % 2}`).join(',')
    let looked = 0
    const inside = new Proxy({}, { getOwnPropertyDescriptor: () => void looked++ })
    Columns.of(many).pickOf({ a: inside })
    expect(looked).toBe(2)
    expect(Columns.of(`a${'.b'.repeat(8000)}`).pickOf({ a: { b: { c: 1 } } })).toEqual({ a: { b: {} } })
  })
})

describe('long answers', () => {
  const kind = {
    name: String,
    describe: (n: number) => {
      // Longer than one piece of a list may take.
      for (const began = performance.now(); performance.now() - began < 11; );
      return { n }
    },
  }

  it('of which one user has too many are refused, until one is sent or its client has left', async () => {
    const answers = new LongAnswers()
    const request = (name: string) => {
      const response = Object.assign(new EventEmitter(), { closed: false, socket: { destroyed: false } })
      const reply = { raw: response, type: () => {} } as unknown as FastifyReply
      const raw = { raw: response } as unknown as FastifyRequest
      const r = new Request({} as ManagedNode, { name } as Principal, raw, reply, answers, new BodyBudget())
      return { list: (...items: number[]) => r.list(items, kind), response }
    }
    const its = Array.from({ length: LONG_ANSWERS_OF_USER_MAX }, () => request('a'))
    for (const { list } of its) expect(await list(1, 2)).toBeInstanceOf(Readable)
    await expect(request('a').list()).rejects.toMatchObject({ status: 503, error: 'busy' })
    expect(await request('b').list()).toBe('[]')
    its[0]?.response.emit('close')
    expect(await request('a').list(1)).toBe('[{"n":1}]')
    const left = request('a')
    left.response.closed = true
    await left.list(1, 2)
    expect(await request('a').list(1, 2)).toBeInstanceOf(Readable)
    await expect(request('a').list()).rejects.toMatchObject({ status: 503 })
  })

  it('that fail do not count', async () => {
    for (let i = 0; i <= LONG_ANSWERS_OF_USER_MAX; i++)
      expect((await http.get('queues?page=9')).status).toBe(400)
    expect((await http.get('queues')).status).toBe(200)
  })
})

describe('a list', () => {
  it('that is sorted in pieces has the order of one that is sorted at once', async () => {
    for (const length of [0, 1, 2, 3, 10, 99, 100]) {
      const items = Array.from({ length }, (_, i) => ({ key: (i * 37) % 11, i }))
      const compare = (a: { key: number }, b: { key: number }): number => a.key - b.key
      for (const run of [1, 2, 3, 7, 1000])
        expect(await sortedSlowly(items, compare, run)).toEqual([...items].sort(compare))
    }
  })

  it('is sorted by what is long, and by bindings', async () => {
    for (const n of [3, 1, 2]) {
      await http.put(`queues/%2F/s${n}`, { arguments: { z: Array.from({ length: 500 }, () => n) } })
      await http.post(`bindings/%2F/e/amq.direct/q/s${n}`, { routing_key: `k${n}` })
    }
    const names = (json: { name: string }[]): string[] => json.map((q) => q.name)
    expect(names((await http.get('queues?sort=arguments.z')).json)).toEqual(['s1', 's2', 's3'])
    const { json } = await http.get(
      'bindings?sort=routing_key&sort_reverse=true&columns=routing_key&name=amq.direct',
    )
    expect(json).toEqual([{ routing_key: 'k3' }, { routing_key: 'k2' }, { routing_key: 'k1' }])
    const from = await http.get('exchanges/%2F/amq.direct/bindings/source?columns=destination&page=1')
    expect(from.json.map((b: { destination: string }) => b.destination)).toEqual(['s3', 's1', 's2'])
    expect((await http.get('queues/%2F/s1/bindings')).json.map((b: { source: string }) => b.source)).toEqual([
      '',
      'amq.direct',
    ])
    expect((await http.get('bindings/%2F/e/amq.direct/q/s1/k1')).json.routing_key).toBe('k1')
    expect((await http.delete('bindings/%2F/e/amq.direct/q/s1/k1')).status).toBe(204)
    expect((await http.delete('bindings/%2F/e/amq.direct/q/s1/k1')).status).toBe(404)
  })
})

describe('parameters', () => {
  const stored = (map: Map<string, Buffer>): [Parameters, { puts: number[] }] => {
    const puts: number[] = []
    const changes = {
      put: (key: string, value: Buffer) => {
        puts.push(value.length)
        map.set(key, value)
      },
      delete: (key: string) => void map.delete(key),
    }
    const scan = (prefix: string) =>
      [...map].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value }))
    const objects = new StoredObjects({ scan }, changes, () => {})
    const p = new Parameters(objects, changes as unknown as GroupCommit)
    p.restore()
    return [p, { puts }]
  }
  const shovel = (name: string, value: unknown) => ({ vhost: '/', component: 'shovel', name, value })

  it('are written each for itself, and only where they change', () => {
    const map = new Map<string, Buffer>()
    const [p, { puts }] = stored(map)
    const changed: string[] = []
    p.watch(({ name }) => changed.push(name))
    p.set(shovel('large', { x: 'x'.repeat(100_000) }))
    p.set(shovel('small', { x: 1 }))
    p.set(shovel('small', { x: 1 }))
    p.setGlobal('g', 5)
    expect(puts.map((n) => n > 1000)).toEqual([true, false, false])
    expect(changed).toEqual(['large', 'small'])
    p.remove(shovel('large', undefined))
    const [again] = stored(map)
    expect(again.list()).toEqual([shovel('small', { x: 1 })])
    expect(again.global('g')).toBe(5)
  })

  it('of earlier releases, which are one value, are taken over', () => {
    const old = { parameters: [shovel('a', 1), shovel('b', { c: 2 })], globals: [{ name: 'g', value: [] }] }
    const map = new Map([['parameters', Buffer.from(JSON.stringify(old))]])
    const [p] = stored(map)
    expect([p.list(), p.listGlobal()]).toEqual([old.parameters, old.globals])
    expect(map.has('parameters')).toBe(false)
    expect(stored(map)[0].list()).toEqual(old.parameters)
  })

  it('have a largest value', async () => {
    const large = 'x'.repeat(PARAMETER_BYTES_MAX)
    for (const path of ['parameters/federation/%2F/p', 'global-parameters/p'])
      expect((await http.put(path, { value: large })).status).toBe(400)
    const parameter = { vhost: '/', component: 'federation', name: 'p', value: large }
    expect((await http.post('definitions', { parameters: [parameter] })).status).toBe(400)
    expect((await http.put('parameters/federation/%2F/p', { value: large.slice(100) })).status).toBe(201)
  })
})

describe('tables', () => {
  it('that are far too large are not written to the end', () => {
    let looked = 0
    const member = (): number => ++looked
    const members = Array.from({ length: 2 * FRAME_BYTES_MAX }, (_, i) => [
      `h${i}`,
      { enumerable: true, get: member },
    ])
    const many = Object.defineProperties({}, Object.fromEntries(members))
    expect(() => tableFrom('headers', many)).toThrow('invalid headers: more octets than a frame holds')
    expect(looked).toBeLessThanOrEqual(FRAME_BYTES_MAX)
    for (const value of ['x'.repeat(FRAME_BYTES_MAX), Array.from({ length: FRAME_BYTES_MAX }, () => null)])
      expect(() => tableFrom('headers', { value })).toThrow('more octets than a frame holds')
    const fits = { text: 'ü'.repeat(60_000), list: [1, 'x', { deep: [true] }], nothing: null }
    expect(tableFrom('headers', fits).bytes.length).toBeGreaterThan(120_000)
  })
})

describe('bodies', () => {
  it('are as long as what they bring may be', async () => {
    const announce = async (method: string, path: string): Promise<string> => {
      const socket = connect(Number(new URL(http.base).port), '127.0.0.1')
      const head = [
        `${method} /api/${path} HTTP/1.1`,
        'Host: a',
        `Authorization: Basic ${btoa('guest:guest')}`,
      ]
      const length = `Content-Length: ${HTTP_OBJECT_BYTES_MAX + 1}`
      socket.write([...head, length, 'Expect: 100-continue', '', ''].join('\r\n'))
      const answer = new Promise<string>((resolve) => {
        let text = ''
        socket.on('data', (d) => {
          text += d
          if (text.includes('\r\n\r\n') && !text.endsWith('100 Continue\r\n\r\n')) resolve(text)
        })
        socket.on('close', () => resolve(text))
      })
      return (await answer).replace('HTTP/1.1 100 Continue\r\n\r\n', '').slice(0, 12)
    }
    for (const path of ['queues/%2F/q', 'policies/%2F/p', 'users/u', 'parameters/shovel/%2F/s'])
      expect(await announce('PUT', path)).toBe('HTTP/1.1 413')
    const others = Array.from({ length: 5 }, () => 'x'.repeat(HTTP_OBJECT_BYTES_MAX / 4))
    expect((await http.post('definitions', { others })).status).toBe(204)
  })

  it('that are long share room, of which one user has a part', async () => {
    const budget = new BodyBudget()
    const part = HTTP_BODIES_BYTES_OF_USER_MAX / 2
    const release = budget.reserve('a', part)
    budget.reserve('a', part)
    expect(() => budget.reserve('a', 1)).toThrow('too many long bodies')
    budget.reserve('b', 1)
    expect(() => budget.reserve('b', part * 2)).toThrow('too many long bodies')
    release()
    release()
    budget.reserve('a', part)
    expect(() => budget.reserve('a', 1)).toThrow('too many long bodies')
  })

  it('of a length that nobody has told are counted as they come', async () => {
    const budget = new BodyBudget()
    const releases: (() => void)[] = []
    const body = (bytes: number): Readable =>
      Readable.from([Buffer.alloc(bytes / 2), Buffer.alloc(bytes / 2)])
    const read = (bytes: number): Promise<string> =>
      text(budget.counted('a', body(bytes), (release) => void releases.push(release)))
    expect((await read(HTTP_BODY_BYTES_SHORT)).length).toBe(HTTP_BODY_BYTES_SHORT)
    await read(4 * 1024 * 1024)
    const rest = budget.reserve('a', HTTP_BODIES_BYTES_OF_USER_MAX - 4 * 1024 * 1024)
    await expect(read(4 * 1024 * 1024)).rejects.toThrow('too many long bodies')
    rest()
    await read(4 * 1024 * 1024)
    for (const release of releases) release()
    budget.reserve('a', HTTP_BODIES_BYTES_OF_USER_MAX)
  })

  it('whose client leaves when nobody reads them any more are no failure', async () => {
    const body = new Readable({ read: () => {} })
    const counted = new BodyBudget().counted('a', body, () => {})
    // An error that nobody hears fails this test.
    body.destroy(new Error('aborted'))
    await new Promise((resolve) => counted.on('close', resolve))
    expect(counted.errored?.message).toBe('aborted')
  })

  it('of up to 64 MiB are read', async () => {
    const payload = 'x'.repeat(8 * 1024 * 1024)
    const message = { properties: {}, routing_key: 'nowhere', payload, payload_encoding: 'string' }
    const request = {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(http.login)}`, 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(message)),
    }
    for (let i = 0; i < 25; i++) {
      const answer = await fetch(`${http.base}/api/exchanges/%2F/amq.default/publish`, request)
      expect([answer.status, await answer.json()]).toEqual([200, { routed: false }])
    }
  })
})

describe('a look into a queue', () => {
  it('ends when nobody waits for it', async () => {
    let looked = 0
    const queue = {
      deleted: false,
      *browse(after: number) {
        for (let sequence = after + 1; ; sequence++) {
          looked++
          yield { sequence, unacked: false, arrivedAt: 0 }
        }
      },
    } as unknown as InspectedQueue
    const question = peekQuestion({ state: 'unacked' })
    const asking = { gone: () => looked > 10_000, holds: () => {} }
    await expect(peek({} as ManagedBroker, queue, question, asking)).rejects.toThrow(Left)
  })

  it('counts among the long answers of its user, as the search for one binding', async () => {
    const made = vi.spyOn(LongAnswers.prototype, 'made')
    onTestFinished(() => made.mockRestore())
    await http.call('PUT', 'queues/%2F/looked', {})
    await http.call('POST', 'bindings/%2F/e/amq.topic/q/looked', { routing_key: 'k' })
    made.mockClear()
    expect((await http.get('queues/%2F/looked/peek')).status).toBe(200)
    expect((await http.get('bindings/%2F/e/amq.topic/q/looked/k')).status).toBe(200)
    expect(made).toHaveBeenCalledTimes(2)
  })
})
