/** guest, who may only log in from the same machine, and the web pages that a browser has opened there. */
import { request } from 'node:http'
import { hostname } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { rabbitHash } from '../../src/security/passwords.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'

const at = { port: 0, bind: '127.0.0.1' }

interface Asked {
  readonly method?: string
  readonly login?: string
  readonly headers: { readonly [name: string]: string }
}

interface Started {
  readonly lines: object[]
  /** Resolves with the status. */
  ask(path: string, how: Asked): Promise<number>
}

/** @param allowOrigins pages that may use the API */
async function start(allowOrigins: string[] = []): Promise<Started> {
  const http = { ...defaultSettings.http, cors: { allowOrigins, maxAgeSeconds: 0 } }
  const settings = { ...defaultSettings, listeners: [at], management: [at], metrics: [], http }
  const lines: object[] = []
  const warn = (fields: object): void => void lines.push(fields)
  const l = await RunningNode.start(settings, oneForAll({ ...silent, warn }))
  onTestFinished(() => l.close())
  l.users.set({ name: 'ann', password: rabbitHash('p'), tags: ['administrator'], limits: {} })
  const ask: Started['ask'] = (path, { method = 'GET', login = 'guest:guest', headers }) =>
    new Promise((resolve, reject) => {
      const authorization = `Basic ${Buffer.from(login).toString('base64')}`
      const options = { port: l.managementPort, host: at.bind, path, method, agent: false as const }
      request({ ...options, headers: { authorization, ...headers } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
        .once('error', reject)
        .end()
    })
  return { lines, ask }
}

describe('guest', () => {
  it.each([
    'localhost:15672',
    'LOCALHOST.',
    '127.0.0.1:1',
    '127.1',
    '[::1]',
    '10.0.0.1',
    'rabbit',
    'rabbit:15672',
    'mq.localhost',
    hostname(),
  ])('may use the API under the name %s', async (host) => {
    const { ask } = await start()
    expect(await ask('/api/whoami', { headers: { host } })).toBe(200)
  })

  it.each([
    'example.org',
    'rebound.example.org:15672',
    '127.0.0.1.example.org',
    'localhost.example.org',
    'a b',
  ])('may not use it under a name that others may own: %s', async (host) => {
    const { lines, ask } = await start()
    expect(await ask('/api/whoami', { headers: { host } })).toBe(401)
    expect(lines).toEqual([{ address: '127.0.0.1', page: host }])
    // The right password was no guess, and others of the same address do not wait.
    expect(await ask('/api/whoami', { headers: { host: 'localhost' } })).toBe(200)
  })

  it('cannot be used by forms of pages from elsewhere, which send the password without asking', async () => {
    const { ask } = await start()
    const form = { method: 'POST', headers: { 'content-length': '0' } }
    const path = '/api/queues/%2F/q/contents'
    for (const origin of ['null', 'https://example.org', 'http://localhost.example.org'])
      expect(await ask(path, { ...form, method: 'DELETE', headers: { ...form.headers, origin } })).toBe(401)
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:15672'])
      expect(await ask(path, { ...form, method: 'DELETE', headers: { ...form.headers, origin } })).toBe(404)
  })

  it('may be used by pages whose origins are allowed', async () => {
    const headers = { origin: 'https://dash.example.org', host: 'mq.example.org' }
    expect(await (await start(['https://dash.example.org'])).ask('/api/whoami', { headers })).toBe(200)
    expect(await (await start(['https://other.example.org'])).ask('/api/whoami', { headers })).toBe(401)
    const all = await start(['*'])
    expect(await all.ask('/api/whoami', { headers })).toBe(200)
    expect(await all.ask('/api/whoami', { headers: { host: 'mq.example.org' } })).toBe(200)
  })

  it('is restricted so, and nobody else', async () => {
    const { ask } = await start()
    const headers = { origin: 'https://example.org', host: 'mq.example.org' }
    expect(await ask('/api/whoami', { login: 'ann:p', headers })).toBe(200)
  })
})
