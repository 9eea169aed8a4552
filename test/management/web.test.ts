/** How the files of the operators' page are served; `test/web` looks at the page itself. */
import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { WebFiles } from '../../src/management/web.ts'

let broker: RunningBroker

interface Got {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
}

/** Without what fetch does by itself: compression, redirects. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const r = request({ host: '127.0.0.1', port: broker.managementPort, path, method, headers }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (b) => parts.push(b))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }),
      )
    })
    r.on('error', reject)
    r.end()
  })
}

const assetsOf = (html: Buffer): string[] =>
  [...html.toString().matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map((m) => m[1] as string)

beforeAll(async () => {
  broker = await createBroker({ port: 0, managementPort: 0 })
})
afterAll(() => broker.close())

describe('the page at /', () => {
  it('needs no login, has a policy that allows its own files only, and no script within', async () => {
    const { status, headers, body } = await get('/')
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(body.toString()).not.toMatch(/<script[^>]*>[^<]|<style|\son\w+=|https?:\/\//)
  })

  it('loads less than 150 kB compressed', async () => {
    const { body } = await get('/')
    const assets = assetsOf(body)
    expect(assets.length).toBeGreaterThan(1)
    let bytes = body.length
    for (const a of assets) bytes += (await get(`/${a}`, { 'accept-encoding': 'gzip' })).body.length
    expect(bytes).toBeLessThan(150_000)
  })

  it('is compressed for whoever takes that, and the same otherwise', async () => {
    const plain = await get('/')
    for (const accepted of ['gzip', 'br, gzip;q=0.5']) {
      const small = await get('/', { 'accept-encoding': accepted })
      expect(small.headers['content-encoding']).toBe('gzip')
      expect(small.headers['vary']).toBe('accept-encoding')
      expect(gunzipSync(small.body).equals(plain.body)).toBe(true)
    }
    expect((await get('/', { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding']).toBeUndefined()
  })

  it('is asked for again by its tag, and its files are kept for good', async () => {
    const { headers, body } = await get('/')
    expect(headers['cache-control']).toBe('no-cache')
    const again = await get('/', { 'if-none-match': String(headers['etag']) })
    expect([again.status, again.body.length]).toEqual([304, 0])
    expect((await get('/', { 'if-none-match': '"other"' })).status).toBe(200)
    for (const a of assetsOf(body)) {
      const file = await get(`/${a}`)
      expect([file.status, file.headers['cache-control']]).toEqual([
        200,
        'public, max-age=31536000, immutable',
      ])
    }
  })

  it('answers HEAD, and nothing but what was built is there', async () => {
    const [page, head] = [await get('/'), await get('/', {}, 'HEAD')]
    expect([head.status, head.body.length]).toEqual([200, 0])
    for (const name of ['content-length', 'content-type', 'etag'])
      expect([name, head.headers[name]]).toEqual([name, page.headers[name]])
    expect(head.headers['content-length']).toBe(String(page.body.length))
    for (const path of [
      '/assets/no-such.js',
      '/assets/..%2f..%2fpackage.json',
      '/assets/%2e%2e/index.html',
      '/assets/constructor',
      '/.leveret-build',
      '/package.json',
      '/assets/',
    ])
      expect([path, (await get(path)).status]).toEqual([path, 404])
  })
})

it('reads and compresses a file once, however many ask for it first', async () => {
  const files = new WebFiles()
  const [one, other] = await Promise.all([files.get('index.html'), files.get('index.html')])
  expect(one?.plain.toString()).toContain('<!doctype html>')
  expect(other).toBe(one)
})
