/** Passwords reach neither the log, nor an error, nor the HTTP API. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { runCommand } from '../support/ctl.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import { table, Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-secrets-'))
const GOOD = 'pa55word-good'
const BAD = 'pa55word-bad'
let broker: BrokerProcess
let http: string
const told: string[] = []

beforeAll(async () => {
  broker = await startProcess(dir, 0, ['--management-port', '0', '--log-level', 'debug'])
  http = `http://127.0.0.1:${broker.managementPort}/api`
})
afterAll(async () => {
  await broker.stop('SIGTERM')
  rmSync(dir, { recursive: true, force: true })
})

async function call(method: string, path: string, login: string, body?: string): Promise<void> {
  const headers = { authorization: `Basic ${btoa(login)}`, 'content-type': 'application/json' }
  const r = await fetch(`${http}/${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  told.push(await r.text(), JSON.stringify([...r.headers]))
}

async function connect(password: string, mechanism = 'PLAIN'): Promise<void> {
  const response = mechanism === 'PLAIN' ? undefined : table({ LOGIN: 'ann', PASSWORD: password }).bytes
  const login = { user: 'ann', password, mechanism, ...(response === undefined ? {} : { response }) }
  const w = await Wire.open(broker.url, login).catch((e: Error) => told.push(e.message))
  if (w instanceof Wire) await w.close()
}

/** Arguments of queues, exchanges and bindings, and policies, may say anything. */
async function addressesInObjects(uri: string): Promise<void> {
  const args = JSON.stringify({ arguments: { 'x-note': uri, 'x-more': [{ at: uri }] }, routing_key: 'k' })
  const exchange = JSON.stringify({ type: 'fanout', arguments: { 'x-note': uri } })
  const policy = JSON.stringify({
    pattern: '^noted$',
    'apply-to': 'queues',
    definition: { 'dead-letter-routing-key': uri },
  })
  for (const [method, path, body] of [
    ['PUT', 'queues/%2F/noted', args],
    ['PUT', 'queues/%2F/noted', JSON.stringify({ arguments: { 'x-dead-letter-exchange': uri } })],
    ['PUT', 'exchanges/%2F/noted', exchange],
    ['POST', 'bindings/%2F/e/noted/q/noted', args],
    ['PUT', 'policies/%2F/noted', policy],
    ['PUT', 'operator-policies/%2F/noted', JSON.stringify({ pattern: uri, definition: { nonsense: uri } })],
  ] as const)
    await call(method, path, 'guest:guest', body)
  const w = await Wire.open(broker.url)
  await w.channel(1)
  const noted = { queue: 'noted', arguments: table({ 'x-note': uri }) }
  await w.call(1, MethodId.BasicConsume, noted, MethodId.BasicConsumeOk)
  for (const path of [
    ...['queues', 'queues/%2F/noted', 'queues/%2F/noted/bindings', 'queues/%2F/noted/diagnosis'],
    ...['exchanges', 'exchanges/%2F/noted', 'exchanges/%2F/noted/bindings/source', 'bindings', 'consumers'],
    ...['policies', 'policies/%2F/noted', 'operator-policies'],
  ])
    await call('GET', path, 'guest:guest')
  for (const command of ['list_queues name arguments', 'list_bindings', 'list_policies', 'list_consumers'])
    told.push((await runCommand([...command.split(' '), '--data-dir', dir])).stdout)
  await w.close()
  const seen = told.join('\n')
  expect(seen).toContain('amqp://ann@127.0.0.1:1')
  // Whoever takes definitions elsewhere takes all of them.
  const headers = { authorization: `Basic ${btoa('guest:guest')}` }
  const exported = await (await fetch(`${http}/definitions`, { headers })).text()
  const count = exported.split(uri).length - 1
  expect(count).toBeGreaterThanOrEqual(6)
}

describe('a password', () => {
  it('is not told to anybody', async () => {
    const user = (password: unknown): string => JSON.stringify({ password, tags: 'administrator' })
    await call('PUT', 'users/ann', 'guest:guest', user(GOOD))
    await call('PUT', 'permissions/%2F/ann', 'guest:guest', '{"configure":".*","write":".*","read":".*"}')
    await call('PUT', 'users/ann', 'guest:guest', `{"password": "${GOOD}", `)
    await call('PUT', 'users/ann', 'guest:guest', user([GOOD]))
    await call('PUT', 'users/ann', `ann:${BAD}`, user(BAD))
    for (const mechanism of ['PLAIN', 'AMQPLAIN', 'NONE'])
      for (const password of [GOOD, BAD]) await connect(password, mechanism)
    for (const path of ['users', 'users/ann', 'definitions', 'connections', 'overview', 'whoami'])
      await call('GET', path, `ann:${GOOD}`)
    await call('POST', 'users/ann/authenticate', 'guest:guest', user(BAD))
    const definitions = JSON.stringify({ users: [{ name: 'bob', password: GOOD, tags: 7 }], queues: 5 })
    await call('POST', 'definitions', 'guest:guest', definitions)
    const uri = `amqp://ann:${GOOD}@127.0.0.1:1`
    await call(
      'PUT',
      'parameters/shovel/%2F/s',
      'guest:guest',
      JSON.stringify({ value: { 'src-uri': [uri] } }),
    )
    for (const path of ['parameters', 'parameters/shovel/%2F/s', encodeURI(`queues/%2F/${uri}`)])
      await call('GET', path, `ann:${GOOD}`)
    for (const args of [
      ['list_parameters', '--data-dir', dir],
      ['set_global_parameter', 'u', JSON.stringify(uri), '--data-dir', dir],
      ['list_global_parameters', '--formatter', 'json', '--data-dir', dir],
      ['set_policy', 'p', `${uri}(`, '{"max-length": 1}', '--data-dir', dir],
      ['authenticate_user', 'ann', BAD, '--data-dir', dir],
      ['add_user', 'ann', BAD, '--data-dir', dir],
      ['diagnostics', '--data-dir', dir],
      ['ping', '--url', `http://ann:${BAD}@127.0.0.1:1`],
      ['ping', '--url', `${http.replace('/api', '').replace('//', `//ann:${BAD}@`)}`],
    ]) {
      const { stdout, stderr } = await runCommand(args)
      told.push(stdout, stderr)
    }
    await addressesInObjects(uri)
    const everything = [...told, ...broker.lines].join('\n')
    expect(everything).toContain('login refused')
    expect(everything).toContain('connection opened')
    expect(everything).not.toContain('pa55word')
    for (const password of [GOOD, BAD]) expect(everything).not.toContain(btoa(`ann:${password}`))
  })
})
