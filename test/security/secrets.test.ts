/** Passwords reach neither the log, nor an error, nor the HTTP API. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BrokerProcess, runCli, startProcess } from '../support/process.ts'
import { table, Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-secrets-'))
const GOOD = 'pa55word-good'
const BAD = 'pa55word-bad'
let broker: BrokerProcess
let http: string
const told: string[] = []

beforeAll(async () => {
  broker = await startProcess(dir, 0, ['--management-port', '0', '--log-level', 'debug'])
  const ready = broker.lines.map((l) => JSON.parse(l)).find((l) => l.managementPort !== undefined)
  http = `http://127.0.0.1:${ready.managementPort}/api`
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
      const { stdout, stderr } = await runCli(args)
      told.push(stdout, stderr)
    }
    const everything = [...told, ...broker.lines].join('\n')
    expect(everything).toContain('login refused')
    expect(everything).toContain('connection opened')
    expect(everything).not.toContain('pa55word')
    for (const password of [GOOD, BAD]) expect(everything).not.toContain(btoa(`ann:${password}`))
  })
})
