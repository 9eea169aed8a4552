/** What a broker on one machine does not load: the parts of a cluster, and packages that few need. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

const STATIC = /^(?:import|export)\s+(?!type\b)(?:[^'";]*?\bfrom\s+)?'([^']+)'/gm

/** Files and packages that are loaded together with that file, without anything being asked of it. */
function loadedWith(entry: string): Set<string> {
  const found = new Set<string>()
  const follow = (file: string): void => {
    if (found.has(file)) return
    found.add(file)
    if (!existsSync(file)) return
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(STATIC))
      follow(name.startsWith('.') ? join(dirname(file), name) : name)
  }
  follow(entry)
  return found
}

describe.each(['src/process.ts', 'src/index.ts'])('%s', (entry) => {
  const loaded = [...loadedWith(entry)]

  it('loads a good part of the broker, so that this test sees what it should', () => {
    expect(loaded.length).toBeGreaterThan(20)
  })

  it('loads nothing of NATS', () => {
    expect(
      loaded.filter((f) => f.startsWith('@nats-io') || /cluster\/(nats-(?!config)|on-nats)/.test(f)),
    ).toEqual([])
  })

  it('loads no package that only some brokers use', () => {
    expect(loaded.filter((f) => ['amqplib', 'jose', 'json5', 'fastify'].includes(f))).toEqual([])
  })
})

it('a command loads nothing of the broker that it asks', () => {
  const broker = [...loadedWith('src/main.ts')].filter((f) =>
    /^src\/(broker|node|channel|connection|management)\//.test(f),
  )
  expect(broker).toEqual([])
})

it('the broker on one machine loads nothing of a cluster but the printing of configurations', () => {
  const cluster = [...loadedWith('src/node/start.ts')].filter((f) => f.startsWith('src/cluster/'))
  expect(cluster.filter((f) => !f.endsWith('membership.ts'))).toEqual([])
})
