/** Commands against an HTTP API whose answers the test chooses. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { definitionsHash, IMPORTED_HASH } from '../../src/util/definitions-hash.ts'
import { runCommand } from '../support/ctl.ts'

type Answer = readonly [status: number, body?: unknown]

/** Answers requests, which are recorded as `METHOD path`. */
async function api(answer: (request: string) => Answer | 'close'): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server: Server = createServer((r, response) => {
    const request = `${r.method} ${r.url?.slice('/api/'.length)}`
    asked.push(request)
    const found = answer(request)
    if (found === 'close') return void r.socket.destroy()
    response.writeHead(found[0], { 'content-type': 'application/json' })
    response.end(found[1] === undefined ? '' : JSON.stringify(found[1]))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

it.each([
  ['close_all_connections', 'why'],
  ['close_all_user_connections', 'guest', 'why'],
])('%s goes on past a connection that has ended meanwhile', async (...args) => {
  const names = ['a', 'b', 'c'].map((name) => ({ name, user: 'guest', vhost: '/' }))
  const { url, asked } = await api((r) =>
    r === 'DELETE connections/a'
      ? [404, { reason: 'Not Found' }]
      : r.startsWith('GET')
        ? [200, names]
        : [204],
  )
  expect(await runCommand([...args, '-q', '--url', url])).toMatchObject({ code: 0, stderr: '' })
  expect(asked.filter((r) => r.startsWith('DELETE'))).toEqual(
    ['a', 'b', 'c'].map((n) => `DELETE connections/${n}`),
  )
})

it('shutdown, wait and migrate take --timeout infinity', async () => {
  const { url, asked } = await api((r) =>
    r === 'GET nodes' ? [200, [{ name: 'n' }]] : r === 'GET whoami' ? 'close' : [200],
  )
  const infinite = ['--timeout', 'infinity', '-q', '--url', url]
  expect(await runCommand(['shutdown', ...infinite])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(asked).toEqual(['GET nodes', 'POST nodes/n/shutdown', 'GET whoami'])
  expect(await runCommand(['await_startup', ...infinite])).toMatchObject({ code: 0, stderr: '' })
  const other = await api(() => [401, { reason: 'not you' }])
  const moved = await runCommand(['migrate', 'amqp://127.0.0.1:1', '--management', other.url, ...infinite])
  expect(other.asked).toEqual(['GET overview'])
  expect(moved.stderr).not.toContain('--timeout')
})

it.each([
  'top --count abc',
  'top --count 1.5',
  'trace --count abc',
  'get q --count abc',
  'redrive q --rate abc',
  'redrive q --limit abc',
  'redrive q --limit 1.5',
])('%s is wrong use, and nothing is asked of the broker', async (line) => {
  const { url, asked } = await api(() => [200, {}])
  const r = await runCommand([...line.split(' '), '-q', '--url', url])
  expect([r.code, r.stdout, asked]).toEqual([64, '', []])
  expect(r.stderr).toMatch(/^Error \(argument validation\): --\w+ takes a (whole )?number, not '/)
})

it('log_tail_stream prints each new line once, also repeated ones, and says where lines are missing', async () => {
  const logs = [
    { lines: [], written: 7 },
    { lines: ['old', 'same', 'between', 'same'], written: 10 },
    { lines: ['x', 'y'], written: 15 },
    { lines: ['anew'], written: 1 },
  ]
  const { url, asked } = await api((r) => {
    if (r === 'GET nodes') return [200, [{ name: 'n' }]]
    const log = logs.shift()
    return log === undefined ? [400, { reason: 'the end' }] : [200, { file: null, ...log }]
  })
  const r = await runCommand(['log_tail_stream', '-q', '--url', url])
  expect(r.stdout).toBe('same\nbetween\nsame\nx\ny\nanew\n')
  expect(r.stderr).toBe('(3 lines are missing here)\nError:\nthe end\n')
  expect(asked).toContain('GET nodes/n/log?lines=1000')
})

it('release_parked_messages - releases those of delayed exchanges, not those of a queue of that name', async () => {
  const { url, asked } = await api((r) =>
    r === 'GET parked-messages'
      ? [
          200,
          [
            { vhost: '/', queue: '-', number: 1 },
            { vhost: '', queue: '', number: 2 },
            { vhost: '', queue: '', number: 3 },
          ],
        ]
      : [204],
  )
  expect((await runCommand(['release_parked_messages', '-', '-s', '--url', url])).stdout).toBe('2\n')
  expect(asked.slice(1)).toEqual([2, 3].map((n) => `POST parked-delayed-messages/${n}/release`))
})

it.each(['set_user_tags', 'set_vhost_tags'])('%s takes any number of tags', async (name) => {
  const { url } = await api((r) => (r.startsWith('GET') ? [200, { name: 'x' }] : [204]))
  const tags = Array.from({ length: 200 }, (_, i) => `t${i}`)
  expect(await runCommand([name, 'x', ...tags, '-q', '--url', url])).toMatchObject({ code: 0, stderr: '' })
})

it('import_definitions --skip-if-unchanged knows the import of a start, and of earlier versions', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-import-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'definitions.json')
  writeFileSync(file, '{ "users": [] }\n')
  const run = async (parameters: Record<string, string>, absent = 404) => {
    const { url, asked } = await api((r) => {
      if (!r.startsWith('GET')) return [204]
      const value = parameters[r.slice('GET global-parameters/'.length)]
      return value === undefined ? [absent, { reason: 'no' }] : [200, { value }]
    })
    const { code } = await runCommand(['import_definitions', '--skip-if-unchanged', file, '-q', '--url', url])
    return [code, asked.filter((r) => !r.startsWith('GET'))]
  }
  const imported = ['POST definitions', `PUT global-parameters/${IMPORTED_HASH}`]
  const same = definitionsHash([Buffer.from('{ "users": [] }\n')])
  const earlier = createHash('sha256').update('{"users":[]}').digest('hex')
  expect(await run({})).toEqual([0, imported])
  expect(await run({ [IMPORTED_HASH]: same })).toEqual([0, []])
  expect(await run({ imported_definitions_hash: earlier })).toEqual([0, []])
  // What was imported since the earlier version counts.
  expect(await run({ [IMPORTED_HASH]: 'x', imported_definitions_hash: earlier })).toEqual([0, imported])
  expect(await run({}, 500)).toEqual([70, []])
})
