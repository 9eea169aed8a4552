/** An identity provider whose answers are not those of a server of keys. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { fetchSeldom } from '../../src/security/jwks.ts'

async function outcomeOf(answer: string): Promise<unknown> {
  const idp = createServer((socket) => {
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    socket.once('data', () => socket.write(answer))
  })
  onTestFinished(() => void idp.close())
  idp.listen(0, '127.0.0.1')
  await once(idp, 'listening')
  const url = `http://127.0.0.1:${(idp.address() as AddressInfo).port}/keys`
  const options = { headers: new Headers(), method: 'GET', redirect: 'manual' } as const
  return await fetchSeldom()(url, { ...options, signal: new AbortController().signal }).then(
    ({ status }) => status,
    (error: unknown) => error,
  )
}

it.each([
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  'HTTP/1.1 700 Unknown\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
  'no HTTP\r\n\r\n',
])('a request for the keys ends with an error when %j is answered', async (answer) => {
  expect(await outcomeOf(answer)).toBeInstanceOf(Error)
})

it('a redirection is not followed', async () => {
  expect(await outcomeOf('HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n')).toBe(302)
})
