/** Regular expressions from outside, at each place that takes them: none holds anybody up, none lets anything through. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PolicySet } from '../../src/broker/policy/policy.ts'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { PatternAccess } from '../../src/security/access.ts'
import { parseScopes, scopeAccess } from '../../src/security/scopes.ts'
import { PATTERN_STEPS_MAX, PATTERN_STEPS_PER_TURN } from '../../src/util/pattern/pattern-limits.ts'
import { namesThatMatch, Pattern } from '../../src/util/pattern.ts'
import { declareQueue, session } from '../support/session.ts'

/** Decided, in some 20,000 steps a name. */
const SLOW = `${'.?'.repeat(30)}x`
/** Not decided for names of many a's. */
const ENDLESS = '(a*)*\\1b'
const QUEUES = 300

let broker: RunningBroker
let api: string
const headers = { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' }
const name = (i: number): string => `${'a'.repeat(240)}.${i}`

beforeAll(async () => {
  broker = await createBroker({ port: 0, managementPort: 0, metricsPort: 0 })
  api = `http://127.0.0.1:${broker.managementPort}/api`
  const queues = Array.from({ length: QUEUES }, (_, i) => ({ vhost: '/', name: name(i), durable: true }))
  const body = JSON.stringify({ queues })
  expect((await fetch(`${api}/definitions`, { method: 'POST', headers, body })).status).toBe(204)
})
afterAll(() => broker.close())

/** What the answer says, and how often the event loop came round meanwhile. */
async function ask(
  url: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string; turns: number }> {
  let turns = 0
  let done = false
  const turn = (): void => {
    turns++
    if (!done) setImmediate(turn)
  }
  setImmediate(turn)
  const r = await fetch(url, init)
  const text = await r.text()
  done = true
  return { status: r.status, text, turns }
}

/** Where names of queues are compared with a pattern from outside. */
const doors = (pattern: string): [string, () => string][] => [
  ['use_regex', () => `${api}/queues?name=${encodeURIComponent(pattern)}&use_regex=true`],
  [
    'the metrics',
    () =>
      `http://127.0.0.1:${broker.metricsPort}/metrics/detailed?family=queue_metrics&name=${encodeURIComponent(pattern)}`,
  ],
]

describe('a regular expression over many names', () => {
  it('is matched in pieces, one request at a time', async () => {
    const names = Array.from({ length: QUEUES }, (_, i) => name(i))
    const pattern = new Pattern(SLOW)
    pattern.decide(name(0))
    const pieces = Math.floor((pattern.steps * QUEUES) / PATTERN_STEPS_PER_TURN)
    expect(pieces).toBeGreaterThan(10)
    let turns = 0
    let done = false
    const turn = (): void => {
      turns++
      if (!done) setImmediate(turn)
    }
    setImmediate(turn)
    const answers = await Promise.all([1, 2, 3].map(() => namesThatMatch(pattern, names, (n) => n)))
    done = true
    expect(answers).toEqual([[], [], []])
    expect(turns).toBeGreaterThan(3 * pieces - 3)
  })

  it.each(doors(SLOW))('leaves the others their turns: %s', async (_door, url) => {
    const { status, turns } = await ask(url(), { headers })
    expect(status).toBe(200)
    expect(turns).toBeGreaterThan(10)
  })

  it.each(doors(ENDLESS))('is refused where it takes too long: %s', async (_door, url) => {
    const { status, text } = await ask(url(), { headers })
    expect([status, text]).toEqual([400, expect.stringContaining('regular expression takes too long')])
  })
})

describe('a policy whose pattern takes too long', () => {
  const put = (kind: string, id: string, vhost = '%2F') =>
    ask(`${api}/${kind}/${vhost}/${id}`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ pattern: ENDLESS, definition: { 'max-length': 1 }, 'apply-to': 'queues' }),
    })

  it.each(['policies', 'operator-policies'])('is refused for names that there are: %s', async (kind) => {
    const { status, text } = await put(kind, 'slow')
    expect([status, text]).toEqual([400, expect.stringContaining('regular expression takes too long')])
  })

  it('keeps the queues away that it may be meant for, and says so', async () => {
    await ask(`${api}/vhosts/bounded`, { method: 'PUT', headers, body: '{}' })
    await ask(`${api}/permissions/bounded/guest`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ configure: '.*', write: '.*', read: '.*' }),
    })
    expect((await put('operator-policies', 'slow', 'bounded')).status).toBe(201)
    expect((await put('policies', 'slow', 'bounded')).status).toBe(201)
    const make = (queue: string) =>
      ask(`${api}/queues/bounded/${queue}`, { method: 'PUT', headers, body: '{}' })
    expect((await make('short')).status).toBe(201)
    const refused = await make(name(1))
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("operator policy 'slow'")])
    const shown = await ask(`${api}/operator-policies/bounded/slow`, { headers })
    expect(JSON.parse(shown.text)).toMatchObject({
      name: 'slow',
      warning: expect.stringContaining('too long'),
    })
    // A user's policy does not stand in the way.
    await ask(`${api}/operator-policies/bounded/slow`, { method: 'DELETE', headers })
    expect((await make(name(1))).status).toBe(201)
    const policy = await ask(`${api}/policies/bounded/slow`, { headers })
    expect(JSON.parse(policy.text)).toMatchObject({ warning: expect.stringContaining('too long') })
  })

  it('is not one of very many for names that begin otherwise', () => {
    const set = new PolicySet()
    const [count, supports] = [PATTERN_STEPS_MAX / 100, (): boolean => true]
    const info = { applyTo: 'queues', definition: {} } as const
    for (let i = 0; i < count; i++)
      set.set({ ...info, name: `p${i}`, pattern: `^queue-${i}(-.*)?$`, priority: i })
    const long = `queue-7-${'x'.repeat(200)}`
    expect(set.find({ name: long, target: 'queues', supports })).toMatchObject({ policy: { name: 'p7' } })
    const pattern = new Pattern('^(?:queue-9)+')
    expect([pattern.decide(long), pattern.steps]).toEqual([false, 1])
  })

  it('is named once', () => {
    const warnings: string[] = []
    const set = new PolicySet((p, text) => warnings.push(`${p.name}: ${text}`))
    const info = { applyTo: 'all', priority: 0, definition: {} } as const
    set.set({ ...info, name: 'endless', pattern: ENDLESS })
    const supports = (): boolean => true
    for (let i = 0; i < 5; i++)
      expect(set.find({ name: name(i), target: 'queues', supports }).undecided).toBeDefined()
    expect(warnings).toEqual([expect.stringContaining('endless: it takes too long')])
  })
})

describe('a permission whose pattern takes too long, or cannot be read', () => {
  it.each([ENDLESS, '(?R)'])('allows nothing, and is named: %s', (pattern) => {
    const warnings: string[] = []
    const access = new PatternAccess(
      { configure: pattern, write: '.*', read: '.*' },
      [{ exchange: 'x', write: pattern, read: '.*' }],
      {},
      (p) => warnings.push(p),
    )
    for (let i = 0; i < 4; i++) {
      expect(access.allows('configure', name(i))).toBe(false)
      expect(access.allowsTopic('write', 'x', name(i))).toBe(false)
    }
    expect(access.allows('write', 'anything')).toBe(true)
    expect(new Set(warnings)).toEqual(new Set([pattern]))
  })

  it('refuses the client over AMQP', async () => {
    const body = JSON.stringify({ configure: ENDLESS, write: '.*', read: '.*' })
    await ask(`${api}/users/few`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ password: 'p', tags: '' }),
    })
    expect((await ask(`${api}/permissions/%2F/few`, { method: 'PUT', headers, body })).status).toBe(201)
    const s = await session(broker, { user: 'few', password: 'p' })
    await expect(declareQueue(s, { queue: `${name(1)}x` })).rejects.toThrow(/ACCESS_REFUSED/)
  })
})

describe('a scope of a token', () => {
  it('with many stars is matched from left to right', () => {
    const { rules } = parseScopes([`write:*/${'a*'.repeat(60)}b/*`, 'read:*/x*y*z/*'])
    const access = scopeAccess(rules, '/')
    expect(access?.allows('write', 'a'.repeat(255))).toBe(false)
    expect(access?.allows('write', `${'a'.repeat(200)}b`)).toBe(true)
    expect([
      access?.allows('read', 'x-y-z'),
      access?.allows('read', 'xz'),
      access?.allows('read', 'x-z-y'),
    ]).toEqual([true, false, false])
  })
})
