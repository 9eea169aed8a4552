/** `leveret cluster nats-config`: what it prints fits together, and a node takes its part. */
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { runCommand } from '../support/ctl.ts'

/** What is printed for each host, and at the end for the nodes. */
async function printed(...hosts: string[]): Promise<{ servers: string[]; node: string }> {
  const { code, stdout, stderr } = await runCommand(['cluster', 'nats-config', ...hosts])
  expect([code, stderr]).toEqual([0, ''])
  const parts = stdout.split(/^# ---- .* ----$/m).slice(1)
  return { servers: parts.slice(0, -1), node: parts.at(-1) as string }
}

const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map((m) => m[1] as string)

describe('leveret cluster nats-config', () => {
  it.each([
    ['three', ['a.example', 'b.example', 'c.example']],
    ['five', ['a', 'b', 'c', 'd', 'e']],
  ])('for %s hosts has each know the others, and the same passwords', async (_, hosts) => {
    const { servers } = await printed(...hosts)
    expect(servers).toHaveLength(hosts.length)
    const passwords = new Set(servers.map((s) => matches(s, /password: "([0-9a-f]{32})"/g).join(' ')))
    expect(passwords.size).toBe(1)
    const [clients, routes] = [...passwords].join().split(' ')
    expect(clients).not.toBe(routes)
    for (const [i, text] of servers.entries()) {
      expect(text).toContain(`server_name: "nats-${i + 1}"`)
      const others = hosts.filter((h) => h !== hosts[i]).map((h) => `leveret:${routes}@${h}:6222`)
      expect(matches(text, /^ +nats:\/\/(\S+)$/gm)).toEqual(others)
      // Clients and questions from this machine only; every record on the disk before it counts.
      for (const line of ['listen: "127.0.0.1:4222"', 'http: "127.0.0.1:8222"', 'sync_interval: always'])
        expect(text).toContain(line)
    }
  })

  it('for one host has no cluster of servers', async () => {
    const { servers, node } = await printed('localhost')
    expect(servers.join()).not.toContain('routes')
    expect(node).toContain('cluster.replicas = 1')
  })

  it('has what the node needs, which only has to be uncommented', async () => {
    const { servers, node } = await printed('a', 'b', 'c')
    const { draft, ignored } = loadConfig(undefined, {}, parseConfig(node.replaceAll(/^# /gm, ''), 'f'))
    const [password] = matches(servers[0] as string, /password: "([0-9a-f]{32})"/g)
    expect(ignored).toEqual([])
    expect(draft.settings().cluster).toMatchObject({
      name: 'prod',
      node: 'a',
      engine: { urls: [`nats://leveret:${password}@127.0.0.1:4222`], replicas: 3 },
      secret: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
  })

  it('has other secrets each time', async () => {
    const [one, other] = [await printed('a', 'b', 'c'), await printed('a', 'b', 'c')]
    expect(one.node).not.toBe(other.node)
    expect(one.servers).not.toEqual(other.servers)
  })

  it.each([
    [['nats-config'], 'nats-config takes the hosts of one, three or five NATS servers, not 0'],
    [['nats-config', 'a', 'b'], 'NATS servers, not 2'],
    [['promote'], 'leveret cluster promote NODE'],
    [['forget', 'a', 'b'], 'leveret cluster forget NODE'],
    [['join'], "unknown command 'cluster join'; the commands are:"],
    [[], 'not enough arguments'],
  ])('%j is wrong use, and says what is missing', async (args, text) => {
    const { code, stdout, stderr } = await runCommand(['cluster', ...args])
    expect([code, stdout, stderr]).toEqual([64, '', expect.stringContaining(text)])
  })
})
