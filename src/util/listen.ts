import { once } from 'node:events'
import type { ListenOptions, Server } from 'node:net'
import { hearErrorsOfServer } from './sockets.ts'
import { noteAccepted } from './timers.ts'

/**
 * Connections that wait to be accepted, as far as the system allows. Whoever only connects fills a short queue at once,
 * and others then try again after a second, after two more, and so on.
 */
const BACKLOG = 4096

/**
 * Resolves once the server is listening.
 * @param onError called for later errors, such as a failed accept
 * @throws the error of listen, such as EADDRINUSE, or for a path that is too long
 */
export async function listen(
  server: Server,
  where: ListenOptions,
  onError: (error: Error) => void = () => {},
): Promise<void> {
  hearErrorsOfServer(server)
  server.on('connection', noteAccepted)
  server.listen({ backlog: BACKLOG, ...where })
  await once(server, 'listening')
  server.on('error', onError)
}
