import { createServer } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { listen } from '../../src/util/listen.ts'

it('lets as many connections wait to be accepted as the system allows, on every port', async () => {
  const server = createServer()
  onTestFinished(() => void server.close())
  const asked = vi.spyOn(server, 'listen')
  await listen(server, { port: 0, host: '127.0.0.1' })
  expect(asked).toHaveBeenCalledWith({ port: 0, host: '127.0.0.1', backlog: 4096 })
})
