import { connect, createServer } from 'node:net'

/** Whether something accepts connections there. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const s = connect(port, '127.0.0.1')
    s.once('connect', () => {
      s.destroy()
      resolve(true)
    })
    s.once('error', () => resolve(false))
  })
}

/** The first port from that one on that nobody listens on. */
export async function freePortFrom(first: number): Promise<number> {
  let port = first
  while (!(await isFree(port))) port++
  return port
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}

/** Where the next search begins; other processes begin elsewhere. */
let nextPort = 10_000 + ((process.pid * 97) % 20_000)

/**
 * A port for a program that is told where to listen. Below those that the system gives to outgoing connections, of which one
 * could have it before the program does.
 */
export async function freePort(): Promise<number> {
  const port = await freePortFrom(nextPort)
  nextPort = port >= 29_999 ? 10_000 : port + 1
  return port
}
