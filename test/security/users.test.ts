import { describe, expect, it } from 'vitest'
import { passwordMatches, rabbitHash, SCRYPT, scryptHash } from '../../src/security/passwords.ts'
import { LoginThrottle } from '../../src/security/throttle.ts'
import { Users } from '../../src/security/users.ts'
import { until } from '../support/until.ts'

function usersWith(password = rabbitHash('secret')): Users {
  const users = new Users(undefined, ['local'])
  for (const name of ['remote', 'local']) users.set({ name, password, tags: [], limits: {} })
  return users
}

describe('passwords', () => {
  it('match RabbitMQ’s hashes', async () => {
    // From a definitions file of RabbitMQ: the password is "test12".
    const salt = Buffer.from('908DC60A', 'hex')
    const known = rabbitHash('test12', 'rabbit_password_hashing_sha256', salt)
    expect(known.hash).toBe('kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR')
    for (const algorithm of ['rabbit_password_hashing_sha256', 'rabbit_password_hashing_sha512']) {
      const hash = rabbitHash('pass', algorithm)
      expect([await passwordMatches('pass', hash), await passwordMatches('Pass', hash)]).toEqual([
        true,
        false,
      ])
    }
  })

  it('match scrypt’s, and nothing matches an empty or unknown hash', async () => {
    const hash = await scryptHash('pass')
    expect([await passwordMatches('pass', hash), await passwordMatches('', hash)]).toEqual([true, false])
    for (const algorithm of [SCRYPT, 'rabbit_password_hashing_sha256', 'unknown'])
      expect(await passwordMatches('', { hash: '', algorithm })).toBe(false)
  })
})

describe('logging in', () => {
  it('checks name, password and origin', async () => {
    const users = usersWith()
    expect((await users.login('remote', 'secret', false))?.name).toBe('remote')
    expect(await users.login('remote', 'wrong', true)).toBeUndefined()
    expect(await users.login('nobody', 'secret', true)).toBeUndefined()
    expect(await users.login('local', 'secret', false)).toBeUndefined()
    expect((await users.login('local', 'secret', true))?.name).toBe('local')
  })

  it('replaces a weak hash, while others log in with it', async () => {
    const users = usersWith()
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(Array.from({ length: 20 }, () => users.login('remote', 'secret', true)))
      expect(all.every((u) => u?.name === 'remote')).toBe(true)
    }
    await until(() => users.get('remote')?.password.algorithm === SCRYPT, 'the better hash')
    expect(await users.login('remote', 'wrong', true)).toBeUndefined()
    expect((await users.login('remote', 'secret', true))?.name).toBe('remote')
  })

  it('forgets a password as soon as it is changed', async () => {
    const users = usersWith()
    await users.login('remote', 'secret', true)
    users.set({ name: 'remote', password: rabbitHash('other'), tags: [], limits: {} })
    expect(users.knows('remote', 'secret')).toBe(false)
    expect(await users.login('remote', 'secret', true)).toBeUndefined()
    expect((await users.login('remote', 'other', true))?.name).toBe('remote')
    expect([users.knows('remote', 'other'), users.knows('nobody', 'other')]).toEqual([true, false])
  })

  it('is slowed down for an address that fails again and again', () => {
    const throttle = new LoginThrottle()
    const now = 1_000_000
    expect(throttle.delay('a', now)).toBe(0)
    const waits = Array.from({ length: 8 }, () => throttle.refused('a', now))
    expect(waits.slice(0, 3)).toEqual([3000, 3000, 3000])
    expect(waits[4]).toBeGreaterThan(waits[3] as number)
    expect(waits[7]).toBe(30_000)
    expect(throttle.delay('a', now)).toBeGreaterThan(0)
    expect(throttle.delay('b', now)).toBe(0)
    expect(throttle.delay('a', now + 120_000)).toBe(0)
    throttle.succeeded('a')
    expect(throttle.refused('a', now)).toBe(3000)
  })
})
