/** Definitions, as an import tries them before it changes anything. */
import { defaultSettings } from '../../../src/config/default-settings.ts'
import { exportDefinitions } from '../../../src/definitions/export.ts'
import { importDefinitions } from '../../../src/definitions/import.ts'
import { readDefinitions } from '../../../src/definitions/read.ts'
import { listed } from '../../../src/definitions/written.ts'
import { Model } from '../../../src/model/model.ts'
import { InvalidRequest } from '../../../src/operations/invalid-request.ts'
import { AmqpError } from '../../../src/protocol/errors.ts'
import { scryptCost } from '../../../src/security/passwords.ts'
import { MemoryStorage } from '../../../src/storage/memory/memory-storage.ts'
import { oneForAll, silent } from '../../../src/util/logger.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { json, octets } from './mutate.ts'
import { same, unlessLater } from './oracle.ts'

const whole = {
  rabbit_version: '4.0.0',
  users: [
    {
      name: 'u',
      password_hash: 'AAAA',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['x'],
      limits: {},
    },
  ],
  vhosts: [{ name: 'v', description: 'd', tags: [], metadata: {}, limits: { 'max-queues': 5 } }],
  permissions: [{ user: 'u', vhost: 'v', configure: '.*', write: '^a', read: '' }],
  topic_permissions: [{ user: 'u', vhost: 'v', exchange: 'amq.topic', write: '.*', read: 'x' }],
  parameters: [
    {
      vhost: 'v',
      component: 'shovel',
      name: 's',
      value: { 'src-uri': 'amqp://', 'src-queue': 'q', 'dest-uri': 'amqp://', 'dest-queue': 'r' },
    },
  ],
  global_parameters: [{ name: 'cluster_name', value: 'c' }],
  policies: [
    {
      vhost: 'v',
      name: 'p',
      pattern: '^q',
      'apply-to': 'queues',
      priority: 1,
      definition: { 'max-length': 5 },
    },
  ],
  queues: [
    { vhost: 'v', name: 'q', durable: true, auto_delete: false, arguments: { 'x-queue-type': 'quorum' } },
    {
      vhost: 'v',
      name: 's',
      durable: true,
      auto_delete: false,
      type: 'stream',
      arguments: { 'x-max-age': '1h' },
    },
    {
      vhost: 'v',
      name: 'c',
      durable: true,
      auto_delete: false,
      arguments: { 'x-max-priority': 5, 'x-message-ttl': 5 },
    },
  ],
  exchanges: [
    {
      vhost: 'v',
      name: 'x',
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    },
  ],
  bindings: [
    {
      source: 'x',
      vhost: 'v',
      destination: 'q',
      destination_type: 'queue',
      routing_key: 'a.#',
      arguments: { k: [1] },
    },
  ],
}

const argumentNames = [
  'x-max-length',
  'x-overflow',
  'x-expires',
  'x-delivery-limit',
  'x-match',
  'alternate-exchange',
  'x-dead-letter-exchange',
]

/** SyntaxError is what the text is refused with; RangeError says that it is nested too deep. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof InvalidRequest ||
    error instanceof AmqpError ||
    error instanceof SyntaxError ||
    error instanceof RangeError
  )
}

/** An import is refused with a reason, or taken, and then what is exported can be imported. */
export function definitionsTarget(): FuzzTarget {
  scryptCost.N = 16
  const parts = Object.entries(whole).map(([name, list]) => ({
    vhosts: whole.vhosts,
    users: whole.users,
    [name]: list,
  }))
  const names = [
    ...Object.keys(whole),
    ...Object.values(whole).flatMap((l) => (Array.isArray(l) ? l.flatMap((o) => Object.keys(o)) : [])),
  ]
  const comment = `// a comment\n${JSON.stringify(whole).replace('"users"', 'users')}`
  return {
    name: 'definitions',
    bytesMax: 6000,
    seeds: [...[whole, ...parts].map((d) => Buffer.from(JSON.stringify(d))), Buffer.from(comment)],
    changes: [json([...names, ...argumentNames]), json([...names, ...argumentNames]), octets],
    words: [...names, ...argumentNames].map((n) => `"${n}"`),
    async run(input) {
      const model = new Model(new MemoryStorage(), defaultSettings, oneForAll(silent))
      model.restore()
      try {
        const before = JSON.stringify(await listed(exportDefinitions(model)))
        const taken = await unlessLater(isRefusal, async () => {
          await importDefinitions(model, await readDefinitions(Buffer.from(input)))
          return true
        })
        const after = JSON.stringify(await listed(exportDefinitions(model)))
        if (taken === undefined) same(after === before, 'a refused import has changed something')
        else await importDefinitions(model, await readDefinitions(Buffer.from(after)))
        const failures = Object.values(model.broker.failures.counts).reduce((a, n) => a + n, 0)
        same(failures === 0, 'an internal error was charged to somebody')
      } finally {
        await model.abandon()
      }
    },
  }
}
