/** Signatures are checked in the threads with which the store writes: a few at a time, and not without a bound. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, it, onTestFinished, vi } from 'vitest'
import { ReplyCode } from '../../src/protocol/errors.ts'
import { LOGINS_WAITING_MAX, PASSWORD_THREADS_MAX } from '../../src/security/login-limits.ts'
import { OAuth } from '../../src/security/oauth.ts'
import { elapsed } from '../../src/util/timers.ts'
import { oauthDefaults } from '../support/oauth-settings.ts'

async function start(): Promise<{ oauth: OAuth; good: string; wrong: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-tokens-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const [own, other] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')]
  const jwks = join(dir, 'jwks.json')
  writeFileSync(
    jwks,
    JSON.stringify({ keys: [{ ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'ES256' }] }),
  )
  const oauth = new OAuth({ ...oauthDefaults, jwks })
  const token = (key: typeof own.privateKey): Promise<string> =>
    new SignJWT({ sub: 'app' }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key)
  return { oauth, good: await token(own.privateKey), wrong: await token(other.privateKey) }
}

it('of very many tokens few are checked at a time, and all are answered', async () => {
  const { oauth, good, wrong } = await start()
  const verify = crypto.subtle.verify.bind(crypto.subtle)
  let [now, most] = [0, 0]
  const spy = vi.spyOn(crypto.subtle, 'verify').mockImplementation(async (...args) => {
    most = Math.max(most, ++now)
    try {
      return await verify(...(args as Parameters<typeof verify>))
    } finally {
      now--
    }
  })
  onTestFinished(() => spy.mockRestore())
  const tokens = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? good : wrong))
  const found = await Promise.all(tokens.map((token) => oauth.verify(token, 'a')))
  expect(found.map((user) => user?.name)).toEqual(tokens.map((token) => (token === good ? 'app' : undefined)))
  expect(spy).toHaveBeenCalledTimes(100)
  expect(most).toBe(PASSWORD_THREADS_MAX)
})

it('those that would wait beyond the limit are told so, and later ones are checked', async () => {
  const { oauth, good } = await start()
  const all = Array.from({ length: LOGINS_WAITING_MAX + PASSWORD_THREADS_MAX + 50 }, () =>
    oauth.verify(good, 'a').then(
      (user) => user?.name,
      (error: { code?: number }) => error.code,
    ),
  )
  const found = await Promise.all(all)
  expect(found.filter((v) => v === ReplyCode.ResourceError).length).toBe(50)
  expect(found.filter((v) => v === 'app').length).toBe(LOGINS_WAITING_MAX + PASSWORD_THREADS_MAX)
  expect((await oauth.verify(good, 'a'))?.name).toBe('app')
})

it('those of clients that are logged in wait however many are waiting', async () => {
  const { oauth, good, wrong } = await start()
  const logins = Array.from({ length: LOGINS_WAITING_MAX + PASSWORD_THREADS_MAX }, () =>
    oauth.verify(wrong, 'a'),
  )
  const renewed = oauth.verify(good, '', Number.POSITIVE_INFINITY)
  expect((await renewed)?.name).toBe('app')
  await Promise.all(logins)
})

it('those of an address with very many keep no other one from its turn', async () => {
  const { oauth, good, wrong } = await start()
  const order: string[] = []
  const codes = new Set<unknown>()
  const flood = Array.from({ length: 2 * LOGINS_WAITING_MAX }, () =>
    oauth.verify(wrong, 'one').then(
      () => order.push('one'),
      (error: { code?: number }) => codes.add(error.code),
    ),
  )
  // Their keys are found, and they wait.
  await new Promise((resolve) => setImmediate(resolve))
  expect((await oauth.verify(good, 'another'))?.name).toBe('app')
  expect(order.length).toBeLessThan(LOGINS_WAITING_MAX / 2)
  await Promise.all(flood)
  expect([...codes]).toEqual([ReplyCode.ResourceError])
})

it('those with unknown keys have the keys asked for once in a while, though nobody answers', async () => {
  const { wrong } = await start()
  let asked = 0
  const idp = createServer((_request, response) => {
    asked++
    response.writeHead(503).end()
  })
  onTestFinished(() => void idp.close())
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve))
  const { port } = idp.address() as AddressInfo
  const oauth = new OAuth({ ...oauthDefaults, jwks: `http://127.0.0.1:${port}/keys` })
  const began = elapsed()
  for (let i = 0; i < 50; i++) expect(await oauth.verify(wrong, 'a')).toBeUndefined()
  expect(asked).toBeGreaterThan(0)
  expect(asked).toBeLessThanOrEqual(1 + (elapsed() - began) / 1000)
})

it('those whose keys nobody sends wait in a bounded number, and another address has its share of it', async () => {
  const { wrong } = await start()
  const answers: (() => void)[] = []
  const idp = createServer((_request, response) => void answers.push(() => response.writeHead(503).end()))
  onTestFinished(() => void idp.close())
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve))
  const { port } = idp.address() as AddressInfo
  const oauth = new OAuth({ ...oauthDefaults, jwks: `http://127.0.0.1:${port}/keys` })
  const outcome = (address: string, max?: number): Promise<unknown> =>
    oauth.verify(wrong, address, max).catch((error: { code?: number }) => error.code)
  const flood = Array.from({ length: LOGINS_WAITING_MAX + 50 }, () => outcome('one'))
  await vi.waitUntil(() => answers.length > 0)
  const others = [outcome('another'), outcome('', Number.POSITIVE_INFINITY)]
  await new Promise((resolve) => setImmediate(resolve))
  for (const answer of answers) answer()
  expect(await Promise.all(others)).toEqual([undefined, undefined])
  const refused = (await Promise.all(flood)).filter((code) => code === ReplyCode.ResourceError)
  expect(refused).toHaveLength(51)
})
