import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Http } from '../management/target.ts'
import { type BrokerProcess, runCli, startProcess } from '../support/process.ts'
import { CH } from '../support/session.ts'
import { Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-definitions-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const definitions = {
  vhosts: [
    { name: '/' },
    { name: 'orders', default_queue_type: 'stream', metadata: { description: 'o', tags: ['a'] } },
  ],
  // The password is "test12".
  users: [
    {
      name: 'svc',
      password_hash: 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['administrator'],
    },
  ],
  permissions: ['/', 'orders'].map((vhost) => ({
    user: 'svc',
    vhost,
    configure: '.*',
    write: '.*',
    read: '.*',
  })),
  policies: [
    {
      vhost: 'orders',
      name: 'p',
      pattern: '^work$',
      definition: { 'max-length': 3 },
      priority: 0,
      'apply-to': 'all',
    },
  ],
  queues: [
    { name: 'work', vhost: 'orders', type: 'classic', durable: true, auto_delete: false, arguments: {} },
  ],
  exchanges: [
    {
      name: 'in',
      vhost: 'orders',
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    },
  ],
  bindings: [
    {
      source: 'in',
      vhost: 'orders',
      destination: 'work',
      destination_type: 'queue',
      routing_key: '#',
      arguments: {},
    },
  ],
}

function write(name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

async function start(config: string): Promise<{ broker: BrokerProcess; http: Http }> {
  const broker = await startProcess(join(dir, 'data'), 0, ['--config', config, '--management-port', '0'])
  const http = new Http()
  http.base = `http://127.0.0.1:${broker.managementPort}`
  http.login = 'svc:test12'
  return { broker, http }
}

async function declare(broker: BrokerProcess, vhost: string, queue: string): Promise<void> {
  const w = await Wire.open(broker.url, { vhost, user: 'svc', password: 'test12' })
  await w.channel(CH)
  await w.call(CH, MethodId.QueueDeclare, { queue, durable: true }, MethodId.QueueDeclareOk)
  await w.close()
}

describe('load_definitions', () => {
  it('makes at the start what the file says, and default queue types hold', async () => {
    const file = write('definitions.json', JSON.stringify(definitions))
    const config = write('leveret.conf', `load_definitions = ${file}\ndefault_queue_type = quorum\n`)
    let { broker, http } = await start(config)
    await declare(broker, '/', 'node-default')
    await declare(broker, 'orders', 'vhost-default')
    const look = async () => ({
      types: [
        (await http.get('queues/%2F/node-default')).json.type,
        (await http.get('queues/orders/vhost-default')).json.type,
        (await http.get('queues/orders/work')).json.type,
      ],
      policy: (await http.get('queues/orders/work')).json.policy,
      bound: (await http.get('bindings/orders/e/in/q/work')).json.length,
      vhost: (await http.get('vhosts/orders')).json,
    })
    const seen = {
      types: ['quorum', 'stream', 'classic'],
      policy: 'p',
      bound: 1,
      vhost: expect.objectContaining({ description: 'o', tags: ['a'], default_queue_type: 'stream' }),
    }
    expect(await look()).toEqual(seen)
    expect(await broker.stop('SIGTERM')).toBe(0)
    // Again: what exists stays.
    ;({ broker, http } = await start(config))
    expect(await look()).toEqual(seen)
    expect(await broker.stop('SIGTERM')).toBe(0)
  })

  it('that cannot be loaded stop the start, with the name of the file', async () => {
    for (const [text, problem] of [
      ['{', 'JSON'],
      ['{"queues":[{"name":"q","vhost":"nowhere"}]}', 'nowhere'],
      [`{"queues":[{"name":"q","vhost":"/","arguments":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}]}`, 'deeper'],
    ] as const) {
      const file = write('broken.json', text)
      const config = write('broken.conf', `load_definitions = ${file}\n`)
      const args = ['--port', '0', '--management-port', 'none', '--metrics-port', 'none', '--config', config]
      const r = await runCli(['start', ...args, '--data-dir', join(dir, `broken-${problem}`)])
      expect([r.code, r.stdout]).toEqual([
        1,
        expect.stringContaining(`cannot load the definitions in ${file}`),
      ])
      expect(r.stdout).toContain(problem)
    }
  })
})
