/** Logins at the HTTP API of a node without a broker: what it answers itself, it checks against its own data. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Settings } from '../../src/config/settings.ts'
import { TestCluster } from '../../src/embedding/test-cluster.ts'
import type { ClusterStatus } from '../../src/management/cluster-view.ts'
import { HttpError } from '../../src/management/http.ts'
import { StandbyUsers } from '../../src/management/standby-users.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { objectKey } from '../../src/util/stored-objects.ts'
import { until } from '../support/until.ts'

const HOST = '127.0.0.1'
const basic = (user: string, password: string): string => `Basic ${btoa(`${user}:${password}`)}`

/** The address of a standby's HTTP API. */
async function standby(more: Partial<Settings> = {}): Promise<string> {
  return addressOfStandby(await start(['a', 'b'], more))
}

function addressOfStandby(cluster: TestCluster): string {
  return `http://${HOST}:${cluster.nodes.find((n) => n.running && !n.active)?.managementPort}`
}

async function start(names: readonly string[], more: Partial<Settings> = {}): Promise<TestCluster> {
  const settings = {
    ...defaultSettings,
    listeners: [{ port: 0, bind: HOST }],
    management: [{ port: 0, bind: HOST }],
    metrics: [],
    ...more,
  }
  const parts = { settings, loggers: oneForAll(silent), failoverAfterMs: 5000 }
  const cluster = await TestCluster.start(names, parts, (port) => `amqp://${HOST}:${port}`)
  onTestFinished(() => cluster.close())
  return cluster
}

async function status(base: string, path: string, authorization: string): Promise<number> {
  return (await fetch(`${base}/api/${path}`, { headers: { authorization } })).status
}

describe('a standby', () => {
  it('takes the tokens that the active node takes', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-standby-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const { privateKey, publicKey } = await generateKeyPair('RS256')
    const jwks = join(dir, 'jwks.json')
    writeFileSync(
      jwks,
      JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }),
    )
    const base = await standby({
      oauth: {
        resourceServerId: 'leveret',
        jwks,
        issuer: undefined,
        usernameClaim: undefined,
        scopesClaim: undefined,
        scopePrefix: undefined,
        verifyAudience: false,
      },
    })
    const token = (claims: object): Promise<string> =>
      new SignJWT({ client_id: 'ann', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'k' })
        .setExpirationTime('5m')
        .sign(privateKey)
    const watcher = `Bearer ${await token({ scope: 'leveret.tag:monitoring' })}`
    for (const path of ['whoami', 'cluster/status', 'nodes'])
      expect([path, await status(base, path, watcher)]).toEqual([path, 200])
    expect(await status(base, 'cluster/status', `Bearer ${await token({})}`)).toBe(401)
    expect(await status(base, 'cluster/status', 'Bearer x.y.z')).toBe(401)
  })

  it('refuses a wrong password', async () => {
    const base = await standby()
    // Its data are those of the active node a moment later.
    await until(async () => (await status(base, 'cluster/status', basic('guest', 'guest'))) === 200)
    expect(await status(base, 'cluster/status', basic('guest', 'wrong'))).toBe(401)
  })

  it('passes on what needs the broker, and what is forgotten of a node', async () => {
    const base = await standby()
    const headers = { authorization: basic('guest', 'guest') }
    await until(
      async () => (await status(base, 'cluster/status', headers.authorization)) === 200,
      'its users',
    )
    expect(await status(base, 'cluster-name', headers.authorization)).toBe(200)
    const r = await fetch(`${base}/api/cluster/nodes/b`, { method: 'DELETE', headers })
    expect([r.status, await r.text()]).toEqual([
      400,
      expect.stringContaining('node b is running: stop it first'),
    ])
  })

  it('no longer lists a node that it once heard and that the cluster has forgotten', async () => {
    const cluster = await start(['a', 'b', 'c'])
    const lost = cluster.nodes.findLast((n) => !n.active)?.name as string
    const base = addressOfStandby(cluster)
    const headers = { authorization: basic('guest', 'guest') }
    const listed = async (): Promise<string[]> => {
      const r = await fetch(`${base}/api/cluster/status`, { headers })
      return r.status === 200 ? ((await r.json()) as ClusterStatus).nodes.map((n) => n.name) : []
    }
    await until(async () => (await listed()).length === 3, 'all nodes')
    await cluster.kill(lost)
    const forget = async (): Promise<boolean> =>
      (await fetch(`${base}/api/cluster/nodes/${lost}`, { method: 'DELETE', headers })).status === 204
    await until(forget, 'it to be forgotten')
    await until(async () => (await listed()).length === 2, 'the list without it')
  })

  it('says that it has no data yet, which is no refusal of anybody, and looks again', () => {
    const stored = new StoredUsers()
    const users = new StandbyUsers([])
    const read = (): unknown => {
      try {
        return users.having(stored, 'ann').get('ann')?.name
      } catch (error) {
        return error instanceof HttpError ? error.status : error
      }
    }
    expect(read()).toBe(503)
    stored.put('ann', [])
    expect(read()).toBe('ann')
  })

  it('reads the user who is named, and no other one, however many there are', () => {
    const stored = new StoredUsers()
    for (let i = 0; i < 1000; i++) stored.put(`user-${i}`, [])
    const users = new StandbyUsers([])
    const tags = (name: string): unknown => users.having(stored, name).get(name)?.tags
    expect(tags('user-7')).toEqual([])
    expect(tags('nobody')).toBeUndefined()
    expect(stored.reads).toBeLessThan(10)
    stored.put('user-7', ['monitoring'])
    expect(tags('user-7')).toEqual(['monitoring'])
    stored.remove('user-7')
    expect(tags('user-7')).toBeUndefined()
    expect(stored.reads).toBeLessThan(20)
  })
})

/** A copy of the store with users only, which counts what is read. */
class StoredUsers {
  reads = 0
  private readonly values = new Map<string, Buffer>()

  put(name: string, tags: string[]): void {
    this.values.set(objectKey('user', name), Buffer.from(JSON.stringify({ name, tags })))
  }

  remove(name: string): void {
    this.values.delete(objectKey('user', name))
  }

  *scan(prefix: string): Iterable<{ key: string; value: Uint8Array }> {
    for (const [key, value] of this.values) {
      if (!key.startsWith(prefix)) continue
      this.reads++
      yield { key, value }
    }
  }
}
