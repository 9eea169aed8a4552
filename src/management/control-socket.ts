/** The socket in the data folder over which `leveret COMMAND` talks to the broker, without a password. */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Descriptors } from '../util/descriptors.ts'
import { listen } from '../util/listen.ts'
import { parseBitByBit } from './http-intake.ts'

/**
 * The share of the reserved file descriptors that this socket may not use either. It may use the rest of the reserve,
 * because operators need it for repairs.
 */
const RESERVED = 0.5

/** Handles the requests. If the HTTP API is off, it is loaded with the first request. */
export type LocalHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export class ControlSocket {
  private readonly server: Server

  private constructor(handle: LocalHandler) {
    this.server = createServer((request, response) => {
      handle(request, response).catch((error: unknown) => response.destroy(error as Error))
    })
  }

  /**
   * Opens the socket, which only the owner of the files can connect to.
   * @throws the error of listen, such as for a path that is too long
   */
  static async open(path: string, handle: LocalHandler, descriptors: Descriptors): Promise<ControlSocket> {
    const socket = new ControlSocket(handle)
    descriptors.guard(socket.server, undefined, RESERVED)
    parseBitByBit(socket.server)
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
