import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { JWKS_BYTES_MAX } from '../../src/security/login-limits.ts'
import { OAuth } from '../../src/security/oauth.ts'
import { parseScopes, scopeAccess } from '../../src/security/scopes.ts'
import { systemClock } from '../../src/util/clock.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH } from '../support/session.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-oauth-'))
let keys: GenerateKeyPairResult
let leveret: RunningNode
let url: string

beforeAll(async () => {
  keys = await generateKeyPair('ES256')
  const jwks = join(dir, 'jwks.json')
  writeFileSync(
    jwks,
    JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }] }),
  )
  leveret = await RunningNode.start(
    {
      ...defaultSettings,
      listeners: [{ port: 0, bind: '127.0.0.1' }],
      management: [{ port: 0, bind: '127.0.0.1' }],
      oauth: {
        resourceServerId: 'broker',
        jwks,
        issuer: 'https://idp.example',
        usernameClaim: 'preferred_username',
        scopesClaim: 'extra',
        scopePrefix: undefined,
        verifyAudience: true,
      },
    },
    oneForAll(silent),
  )
  url = `amqp://127.0.0.1:${leveret.ports[0]}`
})
afterAll(async () => {
  await leveret.close()
  rmSync(dir, { recursive: true, force: true })
})

/** Tokens that are checked by the keys that a server of the test answers with. */
async function withKeysFrom(
  answer: RequestListener,
  options: { readonly scopePrefix?: string; readonly verifyAudience?: boolean } = {},
): Promise<OAuth> {
  const idp = createServer(answer)
  onTestFinished(() => new Promise<void>((resolve) => void idp.close(() => resolve())))
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve))
  const { port } = idp.address() as { port: number }
  return new OAuth({
    resourceServerId: 'broker',
    jwks: `http://127.0.0.1:${port}/keys`,
    issuer: undefined,
    usernameClaim: undefined,
    scopesClaim: undefined,
    scopePrefix: options.scopePrefix,
    verifyAudience: options.verifyAudience ?? true,
  })
}

interface TokenOptions {
  readonly name?: string
  /** Until it runs out; 0 = never. */
  readonly seconds?: number
  readonly audience?: string
  readonly issuer?: string
  readonly extra?: string[]
}

function token(scopes: string[], o: TokenOptions = {}, key = keys.privateKey): Promise<string> {
  const jwt = new SignJWT({
    scope: scopes.join(' '),
    preferred_username: o.name ?? 'app',
    extra: o.extra ?? [],
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(o.issuer ?? 'https://idp.example')
    .setAudience(o.audience ?? 'broker')
  // With its fraction: a whole second that has just begun would be over at once.
  if (o.seconds !== 0) jwt.setExpirationTime(Date.now() / 1000 + (o.seconds ?? 3600))
  return jwt.sign(key)
}

async function open(password: string): Promise<Wire> {
  const w = await Wire.open(url, { user: 'whatever', password })
  await w.channel(CH)
  return w
}

describe('scopes', () => {
  it('give rights on vhosts, names and routing keys, with * for any text', () => {
    const { rules, tags } = parseScopes([
      'read:v*/q-*',
      'write:*/x/a.*',
      'configure:v1/*',
      'tag:monitoring',
      'nonsense',
      'read:',
    ])
    expect(tags).toEqual(['monitoring'])
    expect(scopeAccess(rules, 'other')?.allows('read', 'q-1')).toBe(false)
    const access = scopeAccess(rules, 'v1')
    expect(['q-1', 'Q-1', 'xq-1'].map((n) => access?.allows('read', n))).toEqual([true, false, false])
    expect([access?.allows('configure', 'anything'), access?.allows('write', 'y')]).toEqual([true, false])
    expect(['a.b', 'b.a'].map((k) => access?.allowsTopic('write', 'x', k))).toEqual([true, false])
    expect(scopeAccess(parseScopes(['read:only/q']).rules, 'other')).toBeUndefined()
  })

  it('may name a vhost with a slash', () => {
    expect(scopeAccess(parseScopes(['read:%2F/q']).rules, '/')?.allows('read', 'q')).toBe(true)
  })
})

describe('a token as the password', () => {
  it('opens a connection with the rights of its scopes', async () => {
    const w = await open(
      await token(['broker.configure:*/t-*', 'broker.read:*/t-*', 'other.write:*/*'], {
        extra: ['broker.write:*/t-*'],
      }),
    )
    await w.call(CH, MethodId.QueueDeclare, { queue: 't-1' }, MethodId.QueueDeclareOk)
    await w.call(CH, MethodId.ExchangeDeclare, { exchange: 't-x', type: 'topic' }, MethodId.ExchangeDeclareOk)
    await w.call(
      CH,
      MethodId.QueueBind,
      { queue: 't-1', exchange: 't-x', routingKey: 'k' },
      MethodId.QueueBindOk,
    )
    w.send(CH, MethodId.QueueDeclare, { queue: 'mine' })
    const e = await w.channelError(CH)
    expect([e.code, e.text]).toEqual([403, expect.stringContaining("refused for user 'app'")])
    await w.close()
  })

  it('is refused where anything about it is wrong', async () => {
    const stranger = await generateKeyPair('ES256')
    const wrong = [
      await token(['broker.read:*/*'], { seconds: -10 }),
      await token(['broker.read:*/*'], { audience: 'somebody' }),
      await token(['broker.read:*/*'], { issuer: 'https://evil.example' }),
      await token(['broker.read:*/*'], {}, stranger.privateKey),
      'no.token.atall',
    ]
    for (const password of wrong)
      expect(String(await Wire.open(url, { user: 'app', password }).catch(String))).toContain(
        'ACCESS_REFUSED',
      )
    const nowhere = await Wire.open(url, {
      user: 'app',
      password: await token(['broker.read:other/*']),
    }).catch(String)
    expect(String(nowhere)).toContain("access to vhost '/' refused for user 'app'")
    // The broker's own users are there as before.
    await (await Wire.open(url)).close()
  })

  it('ends the connection when it runs out', async () => {
    const w = await open(await token(['broker.read:*/*'], { seconds: 1 }))
    const close = await w.expect(0, MethodId.ConnectionClose)
    expect([close.replyCode, close.replyText]).toEqual([320, 'CONNECTION_FORCED - credential expired'])
    w.socket.destroy()
  })

  it('ends what its user watches over HTTP when it runs out', async () => {
    const password = await token(['broker.read:*/*', 'broker.tag:management'])
    const answer = await fetch(
      `http://127.0.0.1:${leveret.managementPort}/api/exchanges/%2F/amq.topic/tail?seconds=60`,
      { headers: { authorization: `Bearer ${password}`, accept: 'text/event-stream' } },
    )
    expect(answer.status).toBe(200)
    const later = Date.now() + 7_200_000
    const now = vi.spyOn(systemClock, 'now').mockReturnValue(later)
    onTestFinished(() => now.mockRestore())
    expect(await answer.text()).toContain('{"reason":"rights","missed":0}')
  })

  it('can be renewed, with other rights, by the same user only', async () => {
    const w = await open(await token(['broker.configure:*/a'], { seconds: 2 }))
    const renewed = await token(['broker.configure:*/b'])
    const secret = { newSecret: Buffer.from(renewed), reason: 'renewal' }
    const other = await open(await token(['broker.configure:*/a'], { seconds: 2 }))
    await w.call(0, MethodId.ConnectionUpdateSecret, secret, MethodId.ConnectionUpdateSecretOk)
    await w.call(CH, MethodId.QueueDeclare, { queue: 'b' }, MethodId.QueueDeclareOk)
    // As long a time that began later is over.
    expect((await other.expect(0, MethodId.ConnectionClose)).replyCode).toBe(320)
    other.socket.destroy()
    w.send(CH, MethodId.QueueDeclare, { queue: 'a' })
    expect((await w.channelError(CH)).code).toBe(403)
    const foreign = await token(['broker.configure:*/b'], { name: 'other' })
    w.send(0, MethodId.ConnectionUpdateSecret, { newSecret: Buffer.from(foreign), reason: '' })
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([530, 'NOT_ALLOWED - New secret was refused by one of the backends'])
  })

  it('is checked one at a time for each connection, and the last one counts', async () => {
    const w = await open(await token(['broker.configure:*/a']))
    const verify = crypto.subtle.verify.bind(crypto.subtle)
    const released = new Set<() => void>()
    let begun = 0
    const spy = vi.spyOn(crypto.subtle, 'verify').mockImplementation(async (...args) => {
      begun++
      await new Promise<void>((resolve) => released.add(resolve))
      return await verify(...(args as Parameters<typeof verify>))
    })
    onTestFinished(() => spy.mockRestore())
    for (const queue of ['b', 'c'])
      w.send(0, MethodId.ConnectionUpdateSecret, {
        newSecret: Buffer.from(await token([`broker.configure:*/${queue}`])),
        reason: '',
      })
    for (const count of [1, 2]) {
      await until(() => begun === count, 'a check')
      // Whatever else the connection has sent has been heard as well.
      await (await Wire.open(url)).close()
      expect(begun).toBe(count)
      for (const release of released) release()
      await w.expect(0, MethodId.ConnectionUpdateSecretOk)
    }
    await w.call(CH, MethodId.QueueDeclare, { queue: 'c' }, MethodId.QueueDeclareOk)
    await w.close()
  })

  it.each([
    ['with', {}],
    ['without', { seconds: 0 }],
  ])('takes away at once what the new one does not give, %s an end of its time', async (_, o) => {
    const w = await open(await token(['broker.configure:*/*', 'broker.write:*/*', 'broker.read:*/*'], o))
    await w.call(CH, MethodId.QueueDeclare, { queue: 'renewed', exclusive: true }, MethodId.QueueDeclareOk)
    const { consumerTag } = await w.call(
      CH,
      MethodId.BasicConsume,
      { queue: 'renewed', noAck: true },
      MethodId.BasicConsumeOk,
    )
    for (let i = 0; i < 2; i++) {
      w.publish(CH, { routingKey: 'renewed', body: 'x' })
      await w.receive(CH, MethodId.BasicDeliver)
    }
    const newSecret = Buffer.from(await token(['broker.configure:*/b'], o))
    const secret = { newSecret, reason: 'renewal' }
    await w.call(0, MethodId.ConnectionUpdateSecret, secret, MethodId.ConnectionUpdateSecretOk)
    expect((await w.expect(CH, MethodId.BasicCancel)).consumerTag).toBe(consumerTag)
    w.publish(CH, { routingKey: 'renewed', body: 'x' })
    expect((await w.channelError(CH)).text).toContain("write access to exchange 'amq.default'")
    await w.close()
  })

  it('opens the HTTP API too', async () => {
    const get = async (bearer: string, path: string): Promise<Response> =>
      await fetch(`http://127.0.0.1:${leveret.managementPort}/api/${path}`, {
        headers: { authorization: `Bearer ${bearer}` },
      })
    const monitor = await token(['broker.tag:monitoring', 'broker.read:*/*'])
    expect(await (await get(monitor, 'whoami')).json()).toEqual({
      name: 'app',
      tags: ['monitoring'],
      is_internal_user: false,
    })
    expect((await get(monitor, 'queues')).status).toBe(200)
    expect((await get(monitor, 'users')).status).toBe(401)
    expect((await get('nonsense', 'whoami')).status).toBe(401)
  })

  it('is checked by keys from a URL as well', async () => {
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }
    const answer: RequestListener = (_, response) => void response.end(JSON.stringify({ keys: [jwk] }))
    const oauth = await withKeysFrom(answer, { scopePrefix: '', verifyAudience: false })
    const bare = await new SignJWT({ client_id: 'svc', scope: 'read:*/q' })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(keys.privateKey)
    const user = await oauth.verify(bare, 'a')
    expect([user?.name, user?.expires, user?.access('/')?.allows('read', 'q')]).toEqual([
      'svc',
      undefined,
      true,
    ])
    expect(await oauth.verify(`${bare}x`, 'a')).toBeUndefined()
  })

  it('is refused where the URL answers without an end, of which only so much is read', async () => {
    const piece = Buffer.alloc(64 * 1024, ' ')
    let sent = 0
    const oauth = await withKeysFrom((_, response) => {
      const more = (): void => {
        do sent += piece.length
        while (response.write(piece))
      }
      response.on('drain', more)
      more()
    })
    expect(await oauth.verify(await token([]), 'a')).toBeUndefined()
    expect(sent).toBeGreaterThanOrEqual(JWKS_BYTES_MAX)
    // What is on its way between the two comes on top.
    expect(sent).toBeLessThan(32 * JWKS_BYTES_MAX)
  })
})
