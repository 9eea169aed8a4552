/** Moving back to RabbitMQ locks nobody out: definitions from Leveret, loaded into RabbitMQ, and a login there. */
import { afterEach, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { fresh } from '../support/target.ts'
import { Wire } from '../support/wire.ts'

const rabbit = {
  url: process.env['LEVERET_TEST_URL'] as string,
  http: process.env['LEVERET_TEST_HTTP'] as string,
}
const brokers: RunningBroker[] = []
afterEach(async () => {
  for (const b of brokers.splice(0)) await b.close()
})

async function leveret(): Promise<{ url: string; http: string }> {
  const b = await createBroker({ port: 0, managementPort: 0 })
  brokers.push(b)
  return { url: b.url, http: `http://127.0.0.1:${b.managementPort}` }
}

async function call(http: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const authorization = `Basic ${btoa('guest:guest')}`
  const headers = { authorization, 'content-type': 'application/json' }
  const r = await fetch(`${http}/api/${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`)
  const text = await r.text()
  return text === '' ? undefined : JSON.parse(text)
}

interface User {
  readonly name: string
  readonly password_hash?: string
  readonly hashing_algorithm?: string
}

async function exported(http: string, name: string): Promise<User | undefined> {
  const { users } = (await call(http, 'GET', 'definitions')) as { users: User[] }
  return users.find((u) => u.name === name)
}

async function logsIn(url: string, user: string, password: string): Promise<boolean> {
  try {
    const w = await Wire.open(url, { user, password })
    await w.close()
    return true
  } catch {
    return false
  }
}

const permission = (user: string): object => ({ user, vhost: '/', configure: '', write: '', read: '' })

describe('definitions exported by Leveret', () => {
  it('let a user with a new password log in to RabbitMQ', async () => {
    const own = await leveret()
    const name = fresh('ann')
    await call(own.http, 'PUT', `users/${name}`, { password: 's3crét', tags: '' })
    await call(own.http, 'PUT', `permissions/%2F/${name}`, permission(name))
    expect(await logsIn(own.url, name, 's3crét')).toBe(true)
    const user = await exported(own.http, name)
    expect(user).toMatchObject({ hashing_algorithm: 'rabbit_password_hashing_sha256' })
    await call(rabbit.http, 'POST', 'definitions', { users: [user], permissions: [permission(name)] })
    expect([await logsIn(rabbit.url, name, 's3crét'), await logsIn(rabbit.url, name, 'other')]).toEqual([
      true,
      false,
    ])
    await call(rabbit.http, 'DELETE', `users/${name}`)
  })

  it('let a user who came from RabbitMQ and logged in here log in there again', async () => {
    const own = await leveret()
    const name = fresh('bob')
    await call(rabbit.http, 'PUT', `users/${name}`, { password: 'secret', tags: '' })
    const before = await exported(rabbit.http, name)
    await call(rabbit.http, 'DELETE', `users/${name}`)
    await call(own.http, 'POST', 'definitions', { users: [before], permissions: [permission(name)] })
    expect(await logsIn(own.url, name, 'secret')).toBe(true)
    const after = await exported(own.http, name)
    expect(after?.password_hash).toBe(before?.password_hash)
    await call(rabbit.http, 'POST', 'definitions', { users: [after], permissions: [permission(name)] })
    expect(await logsIn(rabbit.url, name, 'secret')).toBe(true)
    await call(rabbit.http, 'DELETE', `users/${name}`)
  })
})
