import { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { DOOR_LINES_PER_MINUTE } from '../../src/limits.ts'
import { silent } from '../../src/util/logger.ts'
import { RepeatedLines } from '../../src/util/repeated-lines.ts'
import { refuseTlsClients } from '../../src/util/tls-refusals.ts'
import { timedServer } from '../support/timed-server.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)

it('of each kind so many lines a minute are logged, and the others are counted', () => {
  const lines: [object, string][] = []
  let now = 0
  const repeated = new RepeatedLines(
    { info: () => {}, warn: (fields, text) => void lines.push([fields as object, text ?? '']) },
    () => now,
  )
  for (let i = 0; i < DOOR_LINES_PER_MINUTE + 5; i++) repeated.warn({ i }, 'a')
  repeated.warn({}, 'b')
  expect(lines.length).toBe(DOOR_LINES_PER_MINUTE + 1)
  now += 60_000
  repeated.warn({ again: true }, 'a')
  repeated.warn({ again: true }, 'b')
  expect(lines.slice(-3)).toEqual([
    [{ leftOut: 5 }, 'a: lines suppressed'],
    [{ again: true }, 'a'],
    [{ again: true }, 'b'],
  ])
})

it('a flood of connections that say nothing leaves few lines', async () => {
  const t = await timedServer({ certfile: at('server.pem'), keyfile: at('server.key') })
  const lines: string[] = []
  const { info, warn } = t.server.logger
  onTestFinished(() => {
    Object.assign(t.server.logger, { info, warn })
  })
  t.server.logger.warn = (_fields: unknown, text?: string) => void lines.push(text ?? '')
  t.server.logger.info = t.server.logger.warn
  const count = DOOR_LINES_PER_MINUTE + 20
  const quiet = await Promise.all(Array.from({ length: count }, () => Wire.socket(t.url)))
  await until(() => t.server.connections.size === count)
  t.clock.pass(10_000)
  await Promise.all(quiet.map((w) => w.over()))
  await until(() => t.server.connections.size === 0)
  for (const text of ['handshake timeout', 'connection closed'])
    expect(lines.filter((l) => l === text).length).toBe(DOOR_LINES_PER_MINUTE)
})

it('a flood of clients whose TLS handshake fails leaves few lines', () => {
  const server = new EventEmitter()
  const lines: string[] = []
  const logger = { ...silent, warn: (_: unknown, text?: string) => void lines.push(text ?? '') }
  refuseTlsClients(server as Server, { certfile: '', keyfile: '' }, 'AMQP', logger)
  const count = 10 * DOOR_LINES_PER_MINUTE
  for (let i = 0; i < count; i++)
    server.emit('tlsClientError', new Error('no TLS'), { remoteAddress: '192.0.2.1', remotePort: i })
  expect(lines[0]).toBe('TLS client 192.0.2.1:0 refused by AMQP: no TLS')
  // Some more where the minute ends in between.
  expect(lines.length).toBeLessThanOrEqual(2 * DOOR_LINES_PER_MINUTE + 1)
})
