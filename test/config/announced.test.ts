/** What keys have clients see before their login, readers of the log at the start, and scrapers over TLS. */
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { encodeMethodFrame } from '../../src/protocol/frame-writer.ts'
import { MethodId, PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { testFolder } from '../support/folder.ts'
import { startProcess } from '../support/process.ts'
import { RunningNode } from '../support/running-node.ts'
import { table, Wire } from '../support/wire.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)

async function start(...lines: string[]): Promise<RunningNode> {
  const ports = ['listeners.tcp.1 = 127.0.0.1:0', 'management.tcp.port = 0', 'prometheus.tcp.port = 0']
  const { draft } = loadConfig(undefined, {}, parseConfig([...ports, ...lines].join('\n'), 'f'))
  draft.bind = '127.0.0.1'
  draft.dataDir = testFolder('announced')
  const node = await RunningNode.start(draft.settings(), oneForAll(silent))
  onTestFinished(() => node.close())
  return node
}

/** A connection that has had the greeting, and what that says. */
async function greeted(node: RunningNode): Promise<{ w: Wire; properties: object }> {
  const w = await Wire.socket(`amqp://127.0.0.1:${node.ports[0]}`)
  onTestFinished(() => void w.socket.destroy())
  w.write(PROTOCOL_HEADER)
  const { serverProperties } = await w.expect(0, MethodId.ConnectionStart)
  return { w, properties: serverProperties.toPlain() }
}

it('product.* and cluster_name are announced to clients and over HTTP', async () => {
  const node = await start('product.name = Burrow', 'product.version = 3.12.1', 'cluster_name = north')
  const announced = { product: 'Burrow', version: '3.12.1', cluster_name: 'north' }
  expect((await greeted(node)).properties).toMatchObject(announced)
  const headers = { authorization: `Basic ${btoa('guest:guest')}` }
  const overview = await fetch(`http://127.0.0.1:${node.managementPort}/api/overview`, { headers })
  expect(await overview.json()).toMatchObject({
    product_name: 'Burrow',
    product_version: '3.12.1',
    cluster_name: 'north',
  })
})

it.each([6000, 20_000])('initial_frame_max = %i is what a client may send before its login', async (max) => {
  const node = await start(`initial_frame_max = ${max}`)
  const startOk = (filler: number): Buffer =>
    encodeMethodFrame(0, {
      id: MethodId.ConnectionStartOk,
      clientProperties: table({ filler: 'f'.repeat(filler) }),
      mechanism: 'PLAIN',
      response: Buffer.from('\0guest\0guest'),
      locale: 'en_US',
    })
  // The limit is one of the payload with what is around it.
  const frame = (octets: number): Buffer => startOk(octets - startOk(0).length + 8)
  const { w: taken } = await greeted(node)
  taken.write(frame(max))
  await taken.expect(0, MethodId.ConnectionTune)
  const { w: refused } = await greeted(node)
  refused.write(frame(max + 1))
  expect((await refused.expect(0, MethodId.ConnectionClose)).replyCode).toBe(501)
})

it('prometheus.ssl.* serves the metrics over TLS, beside those without', async () => {
  const files = ['certfile = server.pem', 'keyfile = server.key', 'cacertfile = ca.pem']
  const tls = files.map((f) => {
    const [key, name = ''] = f.split(' = ')
    return `prometheus.ssl.${key} = ${at(name)}`
  })
  const node = await start('prometheus.ssl.port = 0', ...tls)
  const ports = node.node.listening.filter((l) => l.protocol.includes('prometheus')).map((l) => l.port)
  expect(ports).toHaveLength(2)
  const [plain, secure] = ports as [number, number]
  expect((await fetch(`http://127.0.0.1:${plain}/metrics`)).status).toBe(200)
  const text = await new Promise<string>((resolve, reject) => {
    const where = { host: 'localhost', port: secure, path: '/metrics', ca: readFileSync(at('ca.pem')) }
    get(where, (r) => {
      let said = ''
      r.on('data', (b) => {
        said += b
      }).on('end', () => resolve(said))
    }).on('error', reject)
  })
  expect(text).toContain('rabbitmq_identity_info{')
})

describe('motd_file', () => {
  it('is in the log before the broker is ready', async () => {
    const dir = testFolder('motd')
    const [motd, config] = [join(dir, 'motd'), join(dir, 'c.conf')]
    writeFileSync(motd, 'Maintenance on Sunday.\n')
    writeFileSync(config, `motd_file = ${motd}`)
    const p = await startProcess(join(dir, 'data'), 0, ['--config', config])
    const texts = p.lines.map((l) => (JSON.parse(l) as { msg: string }).msg)
    expect(texts[0]).toBe('Maintenance on Sunday.')
    expect(texts.at(-1)).toContain('ready: ')
    expect(await p.stop('SIGTERM')).toBe(0)
  })

  it('that is not there is named, and stops nothing', async () => {
    const dir = testFolder('motd')
    const config = join(dir, 'c.conf')
    writeFileSync(config, `motd_file = ${join(dir, 'none')}`)
    const p = await startProcess(join(dir, 'data'), 0, ['--config', config])
    expect(p.lines[0]).toContain('cannot read the message of the day')
    expect(await p.stop('SIGTERM')).toBe(0)
  })
})
