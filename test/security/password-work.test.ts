/** What checking passwords costs, and whom it does not hold up. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { HashPool, passwordPool } from '../../src/security/hash-pool.ts'
import { LOGINS_WAITING_MAX } from '../../src/security/login-limits.ts'
import { rabbitHash, scryptHash } from '../../src/security/passwords.ts'
import { Users } from '../../src/security/users.ts'
import { cheapPasswords, realPasswordCost } from '../support/password-cost.ts'
import { CH, confirmed, confirmSelect, declareQueue, session } from '../support/session.ts'
import { until } from '../support/until.ts'

async function work(action: () => Promise<unknown>): Promise<number> {
  const before = passwordPool.made
  await action()
  return passwordPool.made - before
}

async function manyUsers(): Promise<Users> {
  const users = new Users(undefined, ['local'])
  const own = await scryptHash('secret')
  const hashes = {
    scrypt: own,
    sha256: rabbitHash('secret'),
    sha512: rabbitHash('secret', 'rabbit_password_hashing_sha512'),
    md5: rabbitHash('secret', 'rabbit_password_hashing_md5'),
    none: { hash: '', algorithm: 'rabbit_password_hashing_sha256' },
    foreign: { hash: 'abcdefgh', algorithm: 'bcrypt' },
    local: own,
  }
  for (const [name, password] of Object.entries(hashes)) users.set({ name, password, tags: [], limits: {} })
  return users
}

describe('refusing a login', () => {
  it.each(['scrypt', 'sha256', 'sha512', 'md5', 'none', 'foreign', 'local', 'nobody', 'constructor', ''])(
    'takes one hash, whoever it is: %j',
    async (name) => {
      const users = await manyUsers()
      for (const password of ['wrong', '', 'x'.repeat(1000)])
        expect(await work(() => users.login(name, password, false))).toBe(1)
    },
  )

  it('from elsewhere takes the same with the right password', async () => {
    const users = await manyUsers()
    const refused = await work(async () =>
      expect(await users.login('local', 'secret', false)).toBeUndefined(),
    )
    expect(refused).toBe(1)
  })

  it('of a hundred names at once with one password takes a hundred hashes, whether they exist or not', async () => {
    const users = await manyUsers()
    const known = Array.from({ length: 20 }, (_, i) => `known${i}`)
    for (const name of known) users.set({ name, password: rabbitHash('secret'), tags: [], limits: {} })
    const all = (names: string[]) => work(() => Promise.all(names.map((n) => users.login(n, 'wrong', true))))
    expect([await all(known), await all(known.map((n) => `un${n}`))]).toEqual([20, 20])
  })

  it('that was let in takes one too, and none the next time', async () => {
    const users = await manyUsers()
    for (const name of ['scrypt', 'sha256', 'sha512', 'md5']) {
      const login = async () => expect((await users.login(name, 'secret', true))?.name).toBe(name)
      expect([await work(login), await work(login)]).toEqual([1, 0])
    }
  })
})

describe('a flood of logins', () => {
  let broker: RunningBroker
  const dataDir = mkdtempSync(join(tmpdir(), 'leveret-logins-'))
  beforeAll(async () => {
    broker = await createBroker({ port: 0, managementPort: 0, dataDir })
  })
  afterAll(async () => {
    await broker.close()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('over every door takes one hash each', async () => {
    const http = (name: string) => async () => {
      const headers = { authorization: `Basic ${btoa(`${name}:wrong`)}` }
      expect((await fetch(`http://127.0.0.1:${broker.managementPort}/api/whoami`, { headers })).status).toBe(
        401,
      )
    }
    const amqp = (mechanism: string, user: string) => async () => {
      await expect(session(broker, { user, password: 'wrong', mechanism })).rejects.toThrow()
    }
    for (const user of ['guest', 'nobody']) {
      expect(await work(http(user))).toBe(1)
      expect(await work(amqp('PLAIN', user))).toBe(1)
    }
  })

  it('holds up no commit, and is refused beyond a bound', async () => {
    realPasswordCost(1 / 4)
    const s = await session(broker)
    const queue = await declareQueue(s, { exclusive: false, durable: true })
    await confirmSelect(s)
    const users = new Users(undefined, [])
    let refused = 0
    const logins = Array.from({ length: LOGINS_WAITING_MAX + 50 }, (_, i) =>
      users.login(`user${i}`, 'wrong', true).catch(() => refused++),
    )
    await until(() => refused > 0)
    // Some may have had their turn meanwhile.
    expect(refused).toBeLessThanOrEqual(50)
    for (let i = 1; i <= 3; i++) {
      s.publish(CH, { routingKey: queue, properties: { deliveryMode: 2 } })
      await confirmed(s, i, i)
    }
    expect(passwordPool.waiting).toBeGreaterThan(0)
    cheapPasswords()
    await Promise.all(logins)
  })
})

describe('logins beyond those that may wait', () => {
  let broker: RunningBroker
  beforeAll(async () => {
    broker = await createBroker({ port: 0, managementPort: 0 })
  })
  afterAll(() => broker.close())

  /** Fills the queue of the threads until it is told to stop. */
  async function whileFull(action: () => Promise<void>): Promise<void> {
    const users = new Users(undefined, [])
    const flood = Array.from({ length: LOGINS_WAITING_MAX + 10 }, (_, i) =>
      users.login(`user${i}`, 'wrong', true, '127.0.0.1').catch(() => {}),
    )
    const refill = setInterval(() => {
      while (passwordPool.waiting < LOGINS_WAITING_MAX)
        flood.push(users.login(`more${flood.length}`, 'wrong', true, '127.0.0.1').catch(() => {}))
    }, 1)
    try {
      await until(() => passwordPool.waiting >= LOGINS_WAITING_MAX)
      await action()
    } finally {
      clearInterval(refill)
      cheapPasswords()
      await Promise.all(flood)
    }
  }

  it('are refused with 506 over AMQP and 503 over HTTP; those who were in before work on', async () => {
    realPasswordCost(1 / 4)
    const open = await session(broker)
    const headers = { authorization: `Basic ${btoa('nobody:wrong')}` }
    const url = `http://127.0.0.1:${broker.managementPort}/api/whoami`
    await whileFull(async () => {
      await until(async () => (await fetch(url, { headers })).status === 503)
      await until(() =>
        session(broker, { user: 'nobody', password: 'wrong' }).then(
          () => false,
          (e: Error) => e.message.includes('506') || e.message.includes('RESOURCE_ERROR'),
        ),
      )
      await declareQueue(open)
    })
  })
})

describe('very many wrong logins of one address', () => {
  it('do not hold up a login of another one', async () => {
    realPasswordCost(1 / 4)
    const users = await manyUsers()
    let refused = 0
    const flood = Array.from({ length: LOGINS_WAITING_MAX + 50 }, (_, i) =>
      users.login(`user${i}`, 'wrong', true, '10.0.0.1').catch(() => refused++),
    )
    await until(() => passwordPool.waiting >= LOGINS_WAITING_MAX)
    const before = passwordPool.made
    expect((await users.login('sha256', 'secret', true, '10.0.0.2'))?.name).toBe('sha256')
    // Its own one, those that were in the threads, and those that had their turn while its answer was on its way.
    expect(passwordPool.made - before).toBeLessThan(LOGINS_WAITING_MAX / 4)
    expect(refused).toBeGreaterThan(0)
    cheapPasswords()
    await Promise.all(flood)
  })
})

describe('how long a refusal takes', () => {
  it('is the same work for names that exist and for those that do not, over a few hundred tries', async () => {
    const users = await manyUsers()
    const kinds = ['scrypt', 'sha256', 'sha512', 'local', 'nobody', 'none'] as const
    const times = new Map<string, number[]>(kinds.map((k) => [k, []]))
    for (let i = 0; i < 50; i++)
      for (const kind of kinds) {
        const began = performance.now()
        // Another password each time: the one that failed last may be remembered.
        expect(await work(() => users.login(kind, `wrong${i}`, false))).toBe(1)
        times.get(kind)?.push(performance.now() - began)
      }
    const medians = Object.fromEntries(
      [...times].map(([k, list]) => [k, list.sort((a, b) => a - b)[list.length >> 1]?.toFixed(1)]),
    )
    console.info('median ms of a refusal', medians)
  })
})

describe('the threads', () => {
  const request = {
    password: 'p',
    salt: Buffer.alloc(16),
    octets: 32,
    options: { N: 1024, r: 8, p: 1, maxmem: 2 ** 26 },
  }

  it('end with the last holder; what waits is rejected', async () => {
    const pool = new HashPool()
    const [one, two] = [pool.hold(), pool.hold()]
    const key = await pool.hash(request)
    expect(Buffer.from(key)).toHaveLength(32)
    await one()
    await one()
    expect(Buffer.from(await pool.hash(request))).toEqual(Buffer.from(key))
    const outcome = Promise.allSettled(Array.from({ length: 9 }, () => pool.hash(request)))
    await two()
    expect((await outcome).filter((r) => r.status === 'rejected').length).toBeGreaterThan(0)
    // Whoever comes then gets new ones.
    const three = pool.hold()
    expect(Buffer.from(await pool.hash(request))).toEqual(Buffer.from(key))
    await three()
  })

  it('say what is wrong with a request, and go on', async () => {
    const pool = new HashPool()
    const release = pool.hold()
    await expect(pool.hash({ ...request, options: { ...request.options, N: 3 } })).rejects.toThrow()
    expect(await pool.hash(request)).toHaveLength(32)
    await release()
  })
})
