/** Signals that come before a start is over: whoever sees an open port may send one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startChild } from '../support/children.ts'
import { accepts, freePort } from '../support/port.ts'
import { until } from '../support/until.ts'

it.each(['SIGTERM', 'SIGINT'] as const)('a broker whose port is open ends in order on %s', async (signal) => {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-early-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const port = await freePort()
  const options = ['--management-port', String(port), '--metrics-port', '0', '--bind', '127.0.0.1']
  const child = startChild(
    process.execPath,
    ['bin/leveret.js', 'start', '--port', '0', ...options, '--data-dir', dir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let log = ''
  child.stdout?.on('data', (b: Buffer) => {
    log += b
  })
  const ended = new Promise((resolve) => child.once('close', (code, s) => resolve(code ?? s)))
  await until(() => accepts(port), 'the port of the HTTP API')
  child.kill(signal)
  expect(await ended).toBe(0)
  expect(log).toContain(`"signal":"${signal}"`)
  expect(log).toContain('"msg":"stopped"')
})
