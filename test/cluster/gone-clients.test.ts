/** Clients that have reset their connections before they were accepted: nobody can say where they came from. */
import { spawnSync } from 'node:child_process'
import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { TestCluster } from '../../src/embedding/test-cluster.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'

const HOST = '127.0.0.1'
const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
const GONE = `PUT /api/vhosts/gone HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: 0\r\n\r\n`
/** Sends the request, and so much behind it that the broker stops reading, and resets the connection. */
const client = (port: number): string => `
const s = require('net').connect(${port}, '${HOST}', () => {
  const more = 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'.repeat(5000)
  s.write(${JSON.stringify(GONE)} + more, () => s.resetAndDestroy())
})
s.on('error', () => {})`

interface Inside {
  node: { managementPort: number }
}

it.each([
  ['active', true],
  ['standby', false],
])('have no request handled by a node that is %s', async (_, active) => {
  const settings = {
    ...defaultSettings,
    listeners: [{ port: 0, bind: HOST }],
    management: [{ port: 0, bind: HOST }],
    metrics: [],
  }
  const parts = { settings, loggers: oneForAll(silent), failoverAfterMs: 60_000 }
  const cluster = await TestCluster.start(['a', 'b'], parts, (port) => `amqp://${HOST}:${port}`)
  onTestFinished(() => cluster.close())
  const node = cluster.nodes.find((n) => n.active === active) as unknown as Inside
  const port = node.node.managementPort
  const put = (name: string): Promise<Response> =>
    fetch(`http://${HOST}:${port}/api/vhosts/${name}`, { method: 'PUT', headers: { authorization } })
  expect((await put('before')).status).toBe(201)
  // This process accepts nothing meanwhile.
  spawnSync(process.execPath, ['-e', client(port)])
  expect((await put('after')).status).toBe(201)
  const names = (await (
    await fetch(`http://${HOST}:${port}/api/vhosts`, { headers: { authorization } })
  ).json()) as { name: string }[]
  expect(names.map((v) => v.name).sort()).toEqual(['/', 'after', 'before'])
})
