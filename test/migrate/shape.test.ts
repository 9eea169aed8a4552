/** Brokers whose HTTP API answers `leveret migrate` with something of another shape. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runCommand } from '../support/ctl.ts'

type Answers = { readonly [path: string]: unknown }

async function api(answer: (path: string) => unknown): Promise<string> {
  const server = createServer((r, response) => {
    const body = answer((r.url ?? '').slice('/api/'.length))
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body === undefined ? { reason: 'Not Found' } : body))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const leveret: Answers = { overview: { leveret_version: '1', exchange_types: [] }, users: [], vhosts: [] }

/** What a RabbitMQ without anything in it may answer. */
const empty: Answers = {
  overview: { exchange_types: [] },
  definitions: { vhosts: [{ name: '/' }], queues: {}, bindings: [] },
  queues: [],
  vhosts: [],
  'users/guest/permissions': {},
}

async function plan(
  other: (path: string) => unknown,
  own: Answers = leveret,
): Promise<[number | null, string]> {
  const [url, management] = [await api((path) => own[path]), await api(other)]
  const { code, stdout, stderr } = await runCommand([
    ...['migrate', 'amqp://127.0.0.1:1', '--dry-run'],
    ...['--management', management, '--url', url],
  ])
  return [code, `${stdout}${stderr}`.replaceAll(management.slice('http://'.length), 'OTHER')]
}

describe('leveret migrate', () => {
  it('takes an empty list for an object without values, and vice versa', async () => {
    const [code, text] = await plan((path) => (path === 'overview' ? [] : empty[path]))
    expect([code, text]).toEqual([0, expect.stringContaining('0 queues with 0 messages')])
  })

  it.each<[unknown, string]>([
    [null, 'it is null, not an object'],
    [[null], 'it is a list, not an object'],
    [5, 'it is a number, not an object'],
    ['text', 'it is a string, not an object'],
  ])('says which request was answered with %j', async (answer, wrong) => {
    const error = `Error:\nOTHER gives an unexpected answer to GET /api/overview: ${wrong}\n`
    expect(await plan(() => answer)).toEqual([70, error])
  })

  it.each<[string, unknown, string]>([
    ['definitions', { vhosts: null }, '"vhosts" is null, not a list'],
    ['definitions', { users: { a: 1 } }, '"users" is an object, not a list'],
    ['definitions', { vhosts: [null] }, 'element 1 of "vhosts" is null, not an object'],
    ['definitions', { vhosts: [{ name: '/' }, {}] }, '"name" of element 2 of "vhosts" is missing'],
    ['definitions', { policies: [{ vhost: '/', name: 'p', definition: 5 }] }, 'is a number, not an object'],
    ['queues', null, 'it is null, not a list'],
    ['queues', { items: [], page: 1 }, 'it is an object, not a list'],
    ['queues', [[]], 'element 1 is a list, not an object'],
    ['queues', [{ vhost: '/', name: 5 }], '"name" of element 1 is a number, not a string'],
    [
      'queues',
      [{ vhost: '/', name: 'q', messages: '5' }],
      '"messages" of element 1 is a string, not a number',
    ],
    ['users/guest/permissions', [{ vhost: '/' }], '"write" of element 1 is missing'],
    ['vhosts', [['name', '/']], 'element 1 is a list, not an object'],
  ])('says what is wrong in the answer to GET %s: %j', async (path, answer, wrong) => {
    const [code, text] = await plan((asked) => (asked === path ? answer : empty[asked]))
    expect([code, text]).toEqual([
      70,
      expect.stringContaining(`OTHER gives an unexpected answer to GET /api/${path}: `),
    ])
    expect(text).toContain(wrong)
  })

  it.each<[string, unknown, string]>([
    ['overview', { leveret_version: '1' }, '"exchange_types" is missing'],
    ['users', [{ name: null }], '"name" of element 1 is null, not a string'],
  ])('checks the answers of the target too: GET %s', async (path, answer, wrong) => {
    const [code, text] = await plan((asked) => empty[asked], { ...leveret, [path]: answer })
    expect([code, text]).toEqual([70, expect.stringContaining(`answer to GET /api/${path}: ${wrong}`)])
  })
})
