/** Commands and servers that answer in ways of their own. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { Client } from '../../src/cli/ctl/client.ts'

async function clientOf(answer: RequestListener, lengthMax?: number): Promise<Client> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return new Client({ url, dataDir: '/nowhere' }, lengthMax)
}

it('a server that changes to another protocol is one that does not answer', async () => {
  const client = await clientOf((_, { socket }) => {
    socket?.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
  })
  await expect(client.get('overview')).rejects.toThrow(/no broker answers at .*it does not answer/)
})

it('an answer without end is not read for ever', async () => {
  const client = await clientOf((_, response) => {
    const more = (): void => {
      while (response.write('x'.repeat(10_000)));
    }
    response.on('drain', more)
    more()
  }, 1_000_000)
  await expect(client.get('overview')).rejects.toThrow(
    'the answer to GET overview has more than 1000000 characters',
  )
})
