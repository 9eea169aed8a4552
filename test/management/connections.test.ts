/** HTTP connections without a request: so many, of which the oldest makes room. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { HTTP_IDLE_MAX } from '../../src/limits.ts'
import { until } from '../support/until.ts'

it.each(['managementPort', 'metricsPort'] as const)('idle connections to the %s', async (which) => {
  const broker = await createBroker({ port: 0, managementPort: 0, metricsPort: 0 })
  onTestFinished(() => broker.close())
  const port = broker[which] as number
  const sockets: Socket[] = []
  const open = async (): Promise<Socket> => {
    const s = connect(port, '127.0.0.1').resume()
    s.on('error', () => {})
    onTestFinished(() => void s.destroy())
    await once(s, 'connect')
    sockets.push(s)
    return s
  }
  const used = await open()
  for (let i = 1; i < HTTP_IDLE_MAX; i++) await open()
  // Headers that have not ended are no request.
  for (const s of sockets.slice(1)) s.write('GET /metrics HTTP/1.1\r\nhost: x\r\n')
  // What has had a request waits from then on.
  used.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(used, 'data')
  for (let i = 0; i < 20; i++) await open()
  await until(() => sockets.filter((s) => !s.closed).length === HTTP_IDLE_MAX, 'the oldest to be closed')
  expect(used.closed).toBe(false)
  expect(sockets.slice(1, 21).every((s) => s.closed)).toBe(true)
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBeLessThan(500)
})
