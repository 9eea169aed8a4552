/** The endpoints for operators: the HTTP API, the metrics, and the control socket in the data folder. */
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ClientAddress } from '../connection/listener.ts'
import type { ControlSocket } from '../management/control-socket.ts'
import type { ManagedNode } from '../management/managed-node.ts'
import type { ManagementServer } from '../management/server.ts'
import type { MetricsServer } from '../metrics/server.ts'
import { makeFolder } from '../storage/lmdb/folder.ts'
import { CONTROL_SOCKET } from '../util/data-folder.ts'
import type { Listening } from '../util/listening.ts'

export class Endpoints {
  /** In the order in which they were opened. */
  readonly listening: Listening[] = []
  private readonly node: ManagedNode
  private management: Promise<ManagementServer> | undefined
  private control: ControlSocket | undefined
  private metrics: MetricsServer | undefined

  constructor(node: ManagedNode) {
    this.node = node
  }

  /** @throws the error of listen, or of a certificate */
  async open(): Promise<void> {
    const { management, metrics, metricsFormat, dataDir } = this.node.settings
    for (const { port, bind, tls } of management) {
      this.listening.push(await (await this.loadManagement()).listen(port, bind, tls))
    }
    if (dataDir !== undefined) await this.openControlSocket(dataDir)
    if (metrics.length === 0) return
    const { MetricsServer } = await import('../metrics/server.ts')
    this.metrics = new MetricsServer(this.node, metricsFormat)
    for (const { port, bind, tls } of metrics) this.listening.push(await this.metrics.listen(port, bind, tls))
  }

  /** The port of the first listener. */
  get managementPort(): number | undefined {
    return this.listening.find((l) => l.protocol === 'http' || l.protocol === 'https')?.port
  }

  get metricsPort(): number | undefined {
    return this.listening.find((l) => l.protocol.endsWith('/prometheus'))?.port
  }

  /** A server that failed to load has already been reported by its caller. */
  async close(): Promise<void> {
    this.control?.close()
    await (await this.management?.catch(() => undefined))?.close()
    await this.metrics?.close()
  }

  /** Takes over an HTTP connection that another node has forwarded. */
  takeHttp(socket: Socket, client: ClientAddress, owner: boolean): void {
    this.loadManagement()
      .then((server) => server.take(socket, client, owner))
      .catch((error) => {
        this.node.logger.error({ err: error }, 'cannot take over an HTTP client')
        socket.destroy()
      })
  }

  /**
   * Loads the HTTP API only if it is configured, or at the first command over the control socket, because its packages
   * take a while to load.
   */
  private loadManagement(): Promise<ManagementServer> {
    this.management ??= this.newManagement()
    this.management.catch(() => {
      // The next attempt may succeed.
      this.management = undefined
    })
    return this.management
  }

  private async newManagement(): Promise<ManagementServer> {
    const { ManagementServer } = await import('../management/server.ts')
    return new ManagementServer(this.node, this.node.settings.http)
  }

  /** If the path is too long for a socket, or the system has no such sockets, only the HTTP API's port is available. */
  private async openControlSocket(dataDir: string): Promise<void> {
    const path = join(dataDir, CONTROL_SOCKET)
    try {
      // The folder may not exist yet.
      makeFolder(dataDir)
      const { ControlSocket } = await import('../management/control-socket.ts')
      this.control = await ControlSocket.open(
        path,
        async (request, response) => (await this.loadManagement()).serveLocally(request, response),
        this.node.listeners.descriptors,
      )
    } catch (error) {
      this.node.logger.warn({ err: (error as Error).message }, 'no control socket in the data folder')
    }
  }
}
