/** Definitions files as people and other tools have them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { exportDefinitions } from '../../src/definitions/export.ts'
import { loadDefinitionFiles } from '../../src/definitions/files.ts'
import { importDefinitions } from '../../src/definitions/import.ts'
import { SCRYPT } from '../../src/security/passwords.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-definitions-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

let leveret: RunningNode
const warnings: object[] = []
beforeEach(async () => {
  warnings.length = 0
  const logger = { ...silent, warn: (fields: object) => void warnings.push(fields) }
  const listeners = [{ port: 0, bind: '127.0.0.1' }]
  leveret = await RunningNode.start({ ...defaultSettings, listeners }, oneForAll(logger))
})
afterEach(() => leveret.close())

const vhost = () => leveret.broker.vhosts.get('/')

async function load(text: string | Buffer): Promise<void> {
  const file = join(dir, 'definitions.json')
  writeFileSync(file, text)
  await loadDefinitionFiles(leveret.model, file, false)
}

describe('a file', () => {
  const queue = '{"name": "q", "vhost": "/"}'
  it.each([
    ['a byte order mark', `\uFEFF{"queues": [${queue}]}`],
    ['UTF-16', Buffer.from(`\uFEFF{"queues": [${queue}]}`, 'utf16le')],
    ['UTF-16, high octets first', Buffer.from(`\uFEFF{"queues": [${queue}]}`, 'utf16le').swap16()],
    ['UTF-16 and comments', Buffer.from(`\uFEFF// all of it\n{"queues": [${queue}]}`, 'utf16le')],
    ['trailing commas', `{"queues": [${queue},],}`],
    ['comments', `// all of it\n{"queues": [ /* one */ ${queue} ]}`],
    ['single quotes', `{'queues': [{'name': 'q', 'vhost': '/'}]}`],
    ['names without quotes', `{queues: [${queue}]}`],
  ])('may have %s', async (_, text) => {
    await load(text)
    expect(vhost()?.queues.get('q')?.durable).toBe(true)
  })

  it('may be empty of definitions', async () => {
    await load('{}')
    await load('{"queues": {}, "users": [], "bindings": null}')
  })

  it.each([
    ['', 'cannot load the definitions in'],
    ['{"queues": [', 'cannot load the definitions in'],
    ['[]', 'definitions must be an object'],
    ['null', 'definitions must be an object'],
    ['{"queues": "q"}', 'queues must be a list of objects'],
    ['{"queues": ["q"]}', 'queues must be a list of objects'],
    ['{"queues": [null]}', 'queues must be a list of objects'],
    ['{"queues": [[]]}', 'queues must be a list of objects'],
    ['{"queues": [{"vhost": "/"}]}', 'name missing'],
    ['{"queues": [{"vhost": "/", "name": "q", "arguments": [["x"]]}]}', 'invalid arguments: x has no value'],
    [
      '{"queues": [{"vhost": "/", "name": "q", "arguments": [{"name": "x"}]}]}',
      'invalid arguments: x has no value',
    ],
    ['{"queues": [{"vhost": "/", "name": "q", "arguments": [[]]}]}', 'has no value'],
  ])('%j is refused', async (text, error) => {
    await expect(load(text)).rejects.toThrow(error)
  })

  it.skipIf(process.platform === 'win32')('that never ends is refused', async () => {
    await expect(loadDefinitionFiles(leveret.model, '/dev/zero', false)).rejects.toThrow(
      'cannot load the definitions in /dev/zero: it is not a regular file',
    )
  })
})

describe('members', () => {
  it('are lists of pairs where rabbitmqctl writes them so', async () => {
    await importDefinitions(leveret.model, {
      vhosts: [
        { name: 'a', limits: [['max-queues', 5]], metadata: [] },
        { name: 'b', limits: [{ name: 'max-connections', value: 6 }] },
        { name: 'c', limits: [] },
      ],
      users: [{ name: 'joe', tags: [], limits: [['max-channels', 7]] }],
      queues: [
        { name: 'none', vhost: 'a', arguments: [] },
        { name: 'some', vhost: 'a', arguments: [['x-max-length', 9]] },
      ],
      policies: [{ name: 'p', vhost: 'a', pattern: '.', definition: [['max-length', 8]] }],
      parameters: [{ component: 'vhost-limits', name: 'limits', vhost: 'c', value: [['max-queues', 4]] }],
    })
    const { vhosts } = leveret.broker
    expect(vhosts.get('a')?.limits).toEqual({ 'max-queues': 5 })
    expect(vhosts.get('b')?.limits).toEqual({ 'max-connections': 6 })
    expect(vhosts.get('c')?.limits).toEqual({ 'max-queues': 4 })
    expect(leveret.users.get('joe')?.limits).toEqual({ 'max-channels': 7 })
    expect(
      vhosts
        .get('a')
        ?.queues.get('some')
        ?.arguments.entries.map((e) => e.name),
    ).toEqual(['x-max-length'])
    expect([...(vhosts.get('a')?.policies.user ?? [])][0]?.definition).toEqual({ 'max-length': 8 })
  })

  it('have defaults', async () => {
    await importDefinitions(leveret.model, {
      exchanges: [{ name: 'x', vhost: '/' }],
      queues: [{ name: 'q', vhost: '/' }],
      bindings: [{ source: 'x', vhost: '/', destination: 'q' }],
      policies: [{ name: 'p', vhost: '/', pattern: '^q$', definition: { 'max-length': 1 } }],
      users: [{ name: 'nobody' }],
    })
    expect(vhost()?.exchanges.get('x')).toMatchObject({ type: 'direct', durable: true, internal: false })
    expect([...(vhost()?.bindings ?? [])].filter((b) => b.source.name === 'x')).toHaveLength(1)
    expect(leveret.users.get('nobody')?.tags).toEqual([])
  })

  it('name the cluster', async () => {
    await importDefinitions(leveret.model, { global_parameters: [{ name: 'cluster_name', value: 'prod' }] })
    expect(leveret.server.identity.clusterName).toBe('prod')
  })
})

describe('bindings', () => {
  it('to or from what is not there are left out and named; the rest is made', async () => {
    await importDefinitions(leveret.model, {
      queues: [{ name: 'q', vhost: '/' }],
      bindings: [
        {
          source: 'amq.direct',
          vhost: '/',
          destination: 'gone',
          destination_type: 'queue',
          routing_key: 'k',
        },
        { source: 'gone', vhost: '/', destination: 'q', destination_type: 'queue', routing_key: 'k' },
        {
          source: 'amq.direct',
          vhost: '/',
          destination: 'gone',
          destination_type: 'exchange',
          routing_key: 'k',
        },
        { source: '', vhost: '/', destination: 'q', destination_type: 'queue', routing_key: 'q' },
        { source: 'amq.direct', vhost: '/', destination: 'q', destination_type: 'queue', routing_key: 'k' },
      ],
    })
    expect([...(vhost()?.bindings ?? [])].map((b) => `${b.source.name} ${b.destination.name}`)).toContain(
      'amq.direct q',
    )
    // Once in the rehearsal, which says nothing, and once for good.
    expect(warnings).toHaveLength(3)
    expect(warnings[0]).toMatchObject({ source: 'amq.direct', destination: 'gone' })
  })
})

describe('exported vhosts', () => {
  it('say which type their queues have, though it is the default of the node', async () => {
    await load(
      '{"vhosts": [{"name": "own", "metadata": {"default_queue_type": "stream"}}, {"name": "none"}]}',
    )
    for (const type of ['classic', 'quorum']) {
      Object.assign(leveret.model, { settings: { ...leveret.model.settings, defaultQueueType: type } })
      const { vhosts } = exportDefinitions(leveret.model)
      expect(vhosts).toMatchObject([
        { name: '/', metadata: { default_queue_type: type } },
        { name: 'own', metadata: { default_queue_type: 'stream' } },
        { name: 'none', metadata: { default_queue_type: type } },
      ])
    }
  })
})

describe('exported users', () => {
  it('have a hash that can be read, or none', async () => {
    leveret.users.set({
      name: 'own',
      password: { hash: 'c2FsdHNhbHQ=', algorithm: SCRYPT },
      tags: [],
      limits: {},
    })
    const { users } = exportDefinitions(leveret.model) as { users: { [key: string]: unknown }[] }
    for (const u of users) expect(u['password_hash']).not.toBe('')
    expect(users.find((u) => u['name'] === 'own')).not.toHaveProperty('password_hash')
    expect(users.find((u) => u['name'] === 'guest')).toHaveProperty('password_hash')
  })
})
