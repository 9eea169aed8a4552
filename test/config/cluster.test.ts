/** The keys of a cluster, and what is said where they are missing or wrong. */
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { Settings } from '../../src/config/settings.ts'

function settings(text: string): Settings {
  return loadConfig(undefined, {}, parseConfig(text, 'f')).draft.settings()
}

const whole = [
  'cluster.name = prod',
  'cluster.node = a',
  'cluster.urls = nats://u:p@h1, tls://h2:4333',
  'cluster.secret = s',
]

describe('keys of a cluster', () => {
  it('come to settings; without any there is no cluster', () => {
    expect(settings('').cluster).toBeUndefined()
    const more = [
      'cluster.replicas = 5',
      'cluster.failover_after = 2s',
      'cluster.log_max = 1GB',
      'cluster.peer.port = 10.0.0.1:7000',
    ]
    expect(settings([...whole, ...more].join('\n')).cluster).toEqual({
      name: 'prod',
      node: 'a',
      secret: 's',
      engine: {
        urls: ['nats://u:p@h1:4222', 'tls://h2:4333'],
        replicas: 5,
        credentials: undefined,
        tls: undefined,
      },
      peer: { port: 7000, bind: '10.0.0.1', host: '10.0.0.1', tls: undefined },
      failoverAfterMs: 2000,
      logBytesMax: 1e9,
    })
  })

  it.each([
    [0, 'cluster.name', '--cluster-name prod'],
    [1, 'cluster.node', '--node-name a'],
    [2, 'cluster.urls', 'nats://127.0.0.1:4222'],
    [3, 'cluster.secret', 'LEVERET_CLUSTER_SECRET'],
  ])('without line %i it is said that %s is missing, and what to write', (line, key, hint) => {
    const text = whole.filter((_, i) => i !== line).join('\n')
    expect(() => settings(text)).toThrow(`${key} is missing`)
    expect(() => settings(text)).toThrow(hint)
  })

  it.each([
    ['cluster.name = two words', 'letters, digits'],
    ['cluster.urls = http://h', 'nats://127.0.0.1:4222'],
    ['cluster.urls = nats://', 'nats://127.0.0.1:4222'],
    ['cluster.replicas = 2', 'one of 1, 3, 5'],
    ['cluster.failover_after = 10ms', 'from 300 to 60000'],
    // Reading it in every way in which it could be cut would take years.
    [`cluster.failover_after = ${'1'.repeat(100)}x`, 'expected a time'],
    ['cluster.log_max = 1MB', 'at least 16MiB'],
    ['cluster.credentials = /nowhere', 'ENOENT'],
    ['cluster.nmae = prod', "did you mean 'cluster.name'"],
  ])('%s is refused', (line, text) => {
    expect(() => settings([...whole, line].join('\n'))).toThrow(text)
  })
})
