/** `leveret migrate` and shovels with a broker that is reached over TLS only, its certificate checked. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { OwnProcess, Side, send, texts } from './support.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const certificates = join(import.meta.dirname, '../support/certificates')
const ca = join(certificates, 'ca.pem')

let own: OwnProcess
let other: BrokerProcess
let plain: Side
/** Its addresses, with TLS. */
let [amqps, https] = ['', '']

beforeEach(async () => {
  own = new OwnProcess()
  await own.start()
  const config = join(own.dir, 'other.conf')
  const tls = ['ssl_options', 'management.ssl'].flatMap((o) => [
    `${o}.certfile = ${certificates}/server.pem`,
    `${o}.keyfile = ${certificates}/server.key`,
  ])
  const listeners = [
    'listeners.ssl.default = 127.0.0.1:0',
    'management.ssl.port = 0',
    'management.tcp.port = 0',
  ]
  writeFileSync(config, [...tls, ...listeners].join('\n'))
  other = await startProcess(join(own.dir, 'other'), 0, ['--config', config])
  const ready = other.lines.find((l) => l.includes('ready: ')) as string
  const port = (scheme: string): string => new RegExp(`${scheme}://[^ ]*:(\\d+)`).exec(ready)?.[1] as string
  amqps = `amqps://guest:guest@localhost:${port('amqps')}`
  https = `https://localhost:${port('https')}`
  plain = new Side(`amqp://guest:guest@127.0.0.1:${other.port}`, `http://127.0.0.1:${port('http')}`)
})
afterEach(async () => {
  await other.stop('SIGTERM')
  await own.close()
})

const checked = (): string => `${amqps}?cacertfile=${ca}&verify=verify_peer&server_name_indication=localhost`

it.each(['in', 'out'])('moves messages %s', async (way) => {
  const [from, to] = way === 'in' ? [plain, own.side] : [own.side, plain]
  const ch = await from.channel()
  await ch.assertQueue('many', { durable: true })
  await send(ch, 'many', 500)
  const args = [...(way === 'out' ? ['--out'] : []), checked(), '--management', https, '--ca-file', ca]
  const { code, stdout } = await own.migrate(...args)
  expect([code, stdout]).toEqual([0, expect.stringContaining('500 messages of 1 queue moved in')])
  expect(await to.texts('many', 500)).toEqual(texts(500))
})

it('refuses a broker whose certificate nobody vouches for', async () => {
  const { code, stderr } = await own.migrate(checked(), '--management', https)
  expect(code).toBe(69)
  expect(stderr).toMatch(/(UNABLE_TO_VERIFY|SELF_SIGNED)/)
  const unchecked = `${amqps}?verify=verify_peer`
  const amqp = await own.migrate(unchecked, '--management', https, '--ca-file', ca)
  expect(amqp.code).toBe(69)
  expect(amqp.stderr).toMatch(/certificate/)
})

it('a shovel moves messages over TLS, and says why it does not', async () => {
  const ch = await plain.channel()
  await ch.assertQueue('far', { durable: true })
  await send(ch, 'far', 100)
  const value = (uri: string): object => ({
    'src-uri': uri,
    'src-queue': 'far',
    'dest-uri': 'amqp://',
    'dest-queue': 'near',
    'reconnect-delay': 1,
  })
  await own.side.api('PUT', 'parameters/shovel/%2F/tls', { value: value(`${amqps}?verify=verify_peer`) })
  const shovel = async (): Promise<Record<string, unknown> | undefined> =>
    (await own.side.api<Record<string, unknown>[]>('GET', 'shovels'))[0]
  await until(async () => JSON.stringify(await shovel())?.includes('certificate'), 'the reason')
  await own.side.api('PUT', 'parameters/shovel/%2F/tls', { value: value(checked()) })
  await until(async () => (await shovel())?.['state'] === 'running', 'the shovel')
  expect(await own.side.texts('near', 100)).toEqual(texts(100))
})
