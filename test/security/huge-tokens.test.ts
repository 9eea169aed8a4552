/** Tokens with very many scopes, and an identity provider that sends very many keys. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, type JWK, SignJWT } from 'jose'
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { ROUTING_STEPS_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { JWKS_VALUES_MAX, SCOPES_MAX } from '../../src/security/login-limits.ts'
import { OAuth } from '../../src/security/oauth.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { testFolder } from '../support/folder.ts'
import { oauthDefaults } from '../support/oauth-settings.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH } from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'

let keys: GenerateKeyPairResult
let jwk: JWK
beforeAll(async () => {
  keys = await generateKeyPair('ES256')
  jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }
})

function token(scopes: readonly string[]): Promise<string> {
  return new SignJWT({ sub: 'app', scope: scopes as string[] })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .sign(keys.privateKey)
}

function fileOf(json: string): string {
  const file = join(testFolder('keys'), 'jwks.json')
  writeFileSync(file, json)
  return file
}

let leveret: RunningNode

/** A connection with a channel whose token gives all rights. */
async function login(): Promise<Wire> {
  const jwks = fileOf(JSON.stringify({ keys: [jwk] }))
  leveret = await RunningNode.start(
    { ...defaultSettings, listeners: [{ port: 0, bind: '127.0.0.1' }], oauth: { ...oauthDefaults, jwks } },
    oneForAll(silent),
  )
  onTestFinished(() => leveret.close())
  const all = ['configure', 'read', 'write'].map((right) => `broker.${right}:*/*`)
  const response = Buffer.from(`\0\0${await token(all)}`)
  const w = await Wire.open(`amqp://127.0.0.1:${leveret.ports[0]}`, { response })
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  return w
}

it('keys are not used if they are very many, whether from a file or from a URL', async () => {
  const some = JSON.stringify({ keys: [jwk, ...Array(JWKS_VALUES_MAX / 10).fill({})] })
  const many = JSON.stringify({ keys: [jwk, ...Array(JWKS_VALUES_MAX).fill({})] })
  let answer = some
  const idp = createServer((_, response) => void response.end(answer))
  onTestFinished(() => void idp.close())
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(idp.address() as AddressInfo).port}/keys`
  const user = async (jwks: string): Promise<unknown> =>
    (await new OAuth({ ...oauthDefaults, jwks }).verify(await token([]), 'a'))?.name
  expect([await user(url), await user(fileOf(some))]).toEqual(['app', 'app'])
  answer = many
  expect(await user(url)).toBeUndefined()
  expect(() => new OAuth({ ...oauthDefaults, jwks: fileOf(many) })).toThrow('more than 10000 values')
})

it('a token with more scopes than can be compared with every name is refused', async () => {
  const oauth = new OAuth({ ...oauthDefaults, jwks: fileOf(JSON.stringify({ keys: [jwk] })) })
  const scopes = (count: number): string[] => Array(count).fill('broker.read:*/*')
  const others = Array(SCOPES_MAX).fill('another.read:*/*')
  expect((await oauth.verify(await token([...scopes(SCOPES_MAX), ...others]), 'a'))?.name).toBe('app')
  expect(await oauth.verify(await token(scopes(SCOPES_MAX + 1)), 'a')).toBeUndefined()
})

it('a message with very many keys is refused where they would be compared with very many scopes', async () => {
  const w = await login()
  const scopes = Array.from({ length: SCOPES_MAX - 2 }, (_, i) => `broker.write:*/*/none${i}`)
  const all = ['broker.read:*/*', 'broker.write:*/*/k*', ...scopes]
  const secret = { newSecret: Buffer.from(await token(all)), reason: '' }
  await w.call(0, MethodId.ConnectionUpdateSecret, secret, MethodId.ConnectionUpdateSecretOk)
  await w.call(CH, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
  const publish = (count: number): void => {
    const CC = Array.from({ length: count }, (_, i) => `k${i}`)
    w.publish(CH, { exchange: 'amq.topic', routingKey: 'k', properties: { headers: table({ CC }) } })
  }
  publish(ROUTING_STEPS_MAX / SCOPES_MAX - 1)
  await w.expect(CH, MethodId.BasicAck)
  publish(ROUTING_STEPS_MAX / SCOPES_MAX)
  expect(await w.channelError(CH)).toMatchObject({
    code: 406,
    text: expect.stringContaining('steps to route'),
  })
})

it('a new token is compared with very many consumers in steps, all of them before the answer', async () => {
  const w = await login()
  const count = 2000
  await w.call(CH, MethodId.QueueDeclare, { queue: 'q', exclusive: true }, MethodId.QueueDeclareOk)
  for (let i = 0; i < count; i++)
    w.send(CH, MethodId.BasicConsume, { queue: 'q', consumerTag: `c${i}`, nowait: true })
  await w.call(CH, MethodId.QueueDeclare, { queue: 'q', exclusive: true }, MethodId.QueueDeclareOk)
  let [compared, inTurn, most] = [0, 0, 0]
  const access = {
    allows: () => {
      if (inTurn++ === 0) setImmediate(() => (inTurn = 0))
      most = Math.max(most, inTurn)
      compared++
      return compared % 2 === 0
    },
    restrictsTopic: () => false,
    allowsTopic: () => true,
  }
  const renewed = { name: 'app', tags: [], byToken: true, expires: undefined, access: () => access }
  const verify = vi.spyOn(OAuth.prototype, 'verify').mockResolvedValue(renewed)
  onTestFinished(() => verify.mockRestore())
  const secret = { newSecret: Buffer.from('new'), reason: '' }
  await w.call(0, MethodId.ConnectionUpdateSecret, secret, MethodId.ConnectionUpdateSecretOk)
  expect(compared).toBe(count)
  expect(most).toBeLessThan(count / 2)
  const [connection] = leveret.server.connections
  expect([...(connection?.channels ?? [])].map((ch) => ch.consumers.size)).toEqual([count / 2])
})
