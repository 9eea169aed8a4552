/** The socket in the data folder over which `leveret COMMAND` speaks to the broker, without a password. */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Descriptors } from '../util/descriptors.ts'
import { listen } from '../util/listen.ts'

/** What of the descriptors that are kept from others is kept from it: whoever comes here comes to help. */
const RESERVED = 0.5

/** What answers the requests; loaded at the first one where the HTTP API is off. */
export type LocalHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export class ControlSocket {
  private readonly server: Server

  private constructor(handle: LocalHandler) {
    this.server = createServer((request, response) => {
      handle(request, response).catch((error: unknown) => response.destroy(error as Error))
    })
  }

  /** Only the owner of the files can open it. @throws the error of listen, such as for a path that is too long */
  static async open(path: string, handle: LocalHandler, descriptors: Descriptors): Promise<ControlSocket> {
    const socket = new ControlSocket(handle)
    descriptors.guard(socket.server, undefined, RESERVED)
    rmSync(path, { force: true })
    await listen(socket.server, { path })
    chmodSync(path, 0o600)
    return socket
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}
