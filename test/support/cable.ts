/** Passes a port on, until it is cut. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export class Cable {
  port = 0
  private readonly target: number
  private readonly sockets = new Set<Socket>()
  private server: Server | undefined
  private isCut = false

  constructor(target: number) {
    this.target = target
  }

  static async open(target: number): Promise<Cable> {
    const cable = new Cable(target)
    await cable.listen()
    return cable
  }

  private async listen(): Promise<void> {
    this.server = createServer((a) => {
      // Whoever comes while it is cut hears nothing either.
      if (this.isCut) return void this.keep(a)
      const b = connect(this.target, '127.0.0.1')
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        this.keep(from)
        from.on('close', () => to.destroy())
        from.pipe(to)
      }
    })
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as { port: number }).port
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.sockets.delete(socket))
  }

  /** As when packets are dropped: nothing comes through, and nobody is told. */
  cut(): void {
    this.isCut = true
    for (const s of this.sockets) {
      s.unpipe()
      s.pause()
    }
  }

  mend(): void {
    this.isCut = false
    for (const s of this.sockets) s.destroy()
  }

  close(): void {
    for (const s of this.sockets) s.destroy()
    this.server?.close()
  }
}
