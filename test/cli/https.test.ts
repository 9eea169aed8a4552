/** Commands that reach the HTTP API over TLS, and below a path. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../support/port.ts'
import { type BrokerProcess, runCli, startProcess } from '../support/process.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-https-'))
const certificates = 'test/support/certificates'
let broker: BrokerProcess
let port: number

beforeAll(async () => {
  port = await freePort()
  writeFileSync(
    join(dir, 'rabbitmq.conf'),
    [
      `management.ssl.port = ${port}`,
      `management.ssl.cacertfile = ${certificates}/ca.pem`,
      `management.ssl.certfile = ${certificates}/server.pem`,
      `management.ssl.keyfile = ${certificates}/server.key`,
      'management.path_prefix = /hare',
    ].join('\n'),
  )
  broker = await startProcess(join(dir, 'data'), 0, ['--config', join(dir, 'rabbitmq.conf')])
})
afterAll(async () => {
  await broker.stop('SIGTERM')
  rmSync(dir, { recursive: true, force: true })
})

it('reaches the HTTP API over TLS, with its certificates', async () => {
  const url = `https://guest:guest@localhost:${port}/hare`
  const ok = await runCli(['list_vhosts', '-s', '--url', url, '--ca-file', `${certificates}/ca.pem`])
  expect([ok.code, ok.stderr, ok.stdout]).toEqual([0, '', '/\n'])
  const unknown = await runCli(['list_vhosts', '--url', url])
  expect([unknown.code, unknown.stderr]).toEqual([
    69,
    expect.stringContaining('no broker answers at localhost'),
  ])
  expect(unknown.stderr).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/)
  const without = await runCli(['list_vhosts', '--url', url, '--ca-file', '/nowhere'])
  expect([without.code, without.stderr]).toEqual([66, 'Error:\ncannot read /nowhere: ENOENT\n'])
})

it('says where a port speaks something else', async () => {
  for (const [url, what] of [
    [`https://guest:guest@127.0.0.1:${broker.port}`, 'TLS'],
    [`http://guest:guest@127.0.0.1:${broker.port}`, 'HTTP'],
  ] as const) {
    const { code, stderr } = await runCli(['list_vhosts', '--url', url])
    expect([code, stderr]).toEqual([69, `Error:\n127.0.0.1:${broker.port} does not speak ${what}\n`])
  }
})

it('refuses what is no address, without repeating it', async () => {
  for (const url of ['nonsense', 'amqp://guest:s3cret@x', 'http://'])
    expect(await runCli(['list_vhosts', '--url', url])).toEqual({
      code: 64,
      stdout: 'Listing vhosts ...\n',
      stderr: 'Error:\nan address of the HTTP API is http://user:password@host:15672, or https\n',
    })
})
