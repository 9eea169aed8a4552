/** HTTP connections without a request: so many, of which the oldest of the address with the most makes room. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { HTTP_IDLE_MAX, UNAUTHENTICATED_SHARE } from '../../src/limits.ts'
import { until } from '../support/until.ts'

const OF_ADDRESS_MAX = HTTP_IDLE_MAX * UNAUTHENTICATED_SHARE

it.each(['managementPort', 'metricsPort'] as const)('idle connections to the %s', async (which) => {
  const broker = await createBroker({ port: 0, managementPort: 0, metricsPort: 0 })
  onTestFinished(() => broker.close())
  const port = broker[which] as number
  const sockets: Socket[] = []
  const open = async (localAddress = '127.0.0.1'): Promise<Socket> => {
    const s = connect({ port, host: '127.0.0.1', localAddress }).resume()
    s.on('error', () => {})
    onTestFinished(() => void s.destroy())
    await once(s, 'connect')
    sockets.push(s)
    return s
  }
  const other = await open('127.0.0.2')
  const used = await open()
  for (let i = 1; i < OF_ADDRESS_MAX; i++) await open()
  // Headers that have not ended are no request.
  for (const s of sockets.slice(2)) s.write('GET /metrics HTTP/1.1\r\nhost: x\r\n')
  // What has had a request waits from then on.
  used.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(used, 'data')
  for (let i = 0; i < 20; i++) await open()
  await until(() => sockets.filter((s) => !s.closed).length === OF_ADDRESS_MAX + 1, 'the oldest to be closed')
  expect(used.closed).toBe(false)
  expect(sockets.slice(2, 22).every((s) => s.closed)).toBe(true)
  // However many those of one address are, they close none of another one.
  for (let i = 0; i < HTTP_IDLE_MAX; i++) await open()
  await until(() => sockets.filter((s) => !s.closed).length === OF_ADDRESS_MAX + 1, 'older ones to be closed')
  expect(other.closed).toBe(false)
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBeLessThan(500)
})

it('connections of users may all be idle at the same moment: none is closed before its next request', async () => {
  const broker = await createBroker({ port: 0, managementPort: 0 })
  onTestFinished(() => broker.close())
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
  const request = `GET /api/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\n\r\n`
  const sockets: Socket[] = []
  const ask = async (s: Socket): Promise<string> => {
    s.write(request)
    return String((await once(s, 'data'))[0]).slice(9, 12)
  }
  for (let i = 0; i < OF_ADDRESS_MAX + 50; i++) {
    const s = connect({ port: broker.managementPort as number, host: '127.0.0.1' })
    s.on('error', () => {})
    onTestFinished(() => void s.destroy())
    await once(s, 'connect')
    sockets.push(s)
    expect(await ask(s)).toBe('200')
  }
  const answers = await Promise.all(sockets.map(ask))
  expect(answers.filter((status) => status === '200').length).toBe(sockets.length)
})
