import { describe, expect, it } from 'vitest'
import { putUser, setUserLimit } from '../../src/operations/users.ts'
import {
  newPasswordAlgorithms,
  newPasswordHashSync,
  passwordMatches,
  rabbitHash,
  SCRYPT,
  SHA256,
  scryptHash,
} from '../../src/security/passwords.ts'
import { LoginThrottle } from '../../src/security/throttle.ts'
import { Users } from '../../src/security/users.ts'

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

describe('a user that is removed', () => {
  it('leaves no record of rights behind', () => {
    const users = usersWith()
    users.setPermission('remote', '/', { configure: '', write: '.*', read: '' })
    users.remove('remote')
    users.setPermission('local', 'gone', { configure: '', write: '', read: '' })
    users.vhostRemoved('gone')
    expect(users['rights'].size).toBe(0)
  })
})

describe('a new password', () => {
  it('is kept as RabbitMQ keeps it where nothing is said', async () => {
    const users = new Users(undefined, [])
    await putUser(users, { name: 'ann', password: 'secret', tags: [] })
    const { hash, algorithm } = users.get('ann')?.password ?? { hash: '', algorithm: '' }
    expect(algorithm).toBe(SHA256)
    const salt = Buffer.from(hash, 'base64').subarray(0, 4)
    expect(rabbitHash('secret', SHA256, salt).hash).toBe(hash)
  })

  it.each(newPasswordAlgorithms)('is kept as it is set to be: %s', async (hashing) => {
    const users = new Users(undefined, [])
    users.hashing = hashing
    await putUser(users, { name: 'ann', password: 'secret', tags: [] })
    expect(users.get('ann')?.password.algorithm).toBe(hashing)
    for (const hash of [users.get('ann')?.password, newPasswordHashSync('secret', hashing)]) {
      expect(hash?.algorithm).toBe(hashing)
      expect([await passwordMatches('secret', hash), await passwordMatches('other', hash)]).toEqual([
        true,
        false,
      ])
    }
  })

  it('set anew takes the place of whatever hash there was', async () => {
    const users = usersWith(await scryptHash('old'))
    await putUser(users, { name: 'remote', password: 'new', tags: [] })
    expect(users.get('remote')?.password.algorithm).toBe(SHA256)
    expect(await users.login('remote', 'old', true)).toBeUndefined()
    expect((await users.login('remote', 'new', true))?.name).toBe('remote')
  })
})

describe('limits', () => {
  it.each(newPasswordAlgorithms)('set while a new password is hashed with %s stay', async (hashing) => {
    const users = usersWith()
    users.hashing = hashing
    const changed = putUser(users, { name: 'remote', password: 'new', tags: ['monitoring'] })
    setUserLimit(users, 'remote', 'max-channels', 5)
    expect(await changed).toBe(false)
    expect(users.get('remote')).toMatchObject({ tags: ['monitoring'], limits: { 'max-channels': 5 } })
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

  it.each([
    rabbitHash('secret'),
    rabbitHash('secret', 'rabbit_password_hashing_sha512'),
    rabbitHash('secret', 'rabbit_password_hashing_md5'),
  ])('keeps the hash as it is, so that RabbitMQ can read it: $algorithm', async (hash) => {
    const users = usersWith(hash)
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(Array.from({ length: 20 }, () => users.login('remote', 'secret', true)))
      expect(all.every((u) => u?.name === 'remote')).toBe(true)
    }
    expect(users.get('remote')?.password).toEqual(hash)
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
