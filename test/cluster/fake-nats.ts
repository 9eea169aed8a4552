/** A NATS server that says of itself, and answers, whatever a test wants. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

const INFO = { version: '2.10.23', max_payload: 1_048_576, proto: 1, headers: true, server_id: 'ID' }

export class FakeNats {
  readonly clients = new Set<Socket>()
  /** What clients have said of themselves. */
  readonly connects: { readonly nkey?: string }[] = []
  /** The answer to a message on that subject; undefined = none. */
  answer: (subject: string) => string | undefined = () => undefined
  private readonly server: Server
  private readonly info: object

  private constructor(info: object) {
    this.info = { ...INFO, ...info }
    this.server = createServer((socket) => this.came(socket))
  }

  static async start(info: object, port = 0): Promise<FakeNats> {
    const fake = new FakeNats(info)
    fake.server.listen(port, '127.0.0.1')
    await once(fake.server, 'listening')
    onTestFinished(() => fake.stop())
    return fake
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  private came(socket: Socket): void {
    this.clients.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.clients.delete(socket))
    socket.write(`INFO ${JSON.stringify(this.info)}\r\n`)
    const subjects = new Map<string, string>()
    socket.on('data', (octets) => {
      for (const line of octets.toString().split('\r\n')) {
        const [verb, subject = '', reply = ''] = line.split(' ')
        if (verb === 'PING') socket.write('PONG\r\n')
        else if (verb === 'CONNECT') this.connects.push(JSON.parse(line.slice('CONNECT '.length)) as object)
        else if (verb === 'SUB') subjects.set(subject.replace(/[^.]*$/, ''), reply)
        else if (verb === 'PUB') {
          const text = this.answer(subject)
          const id = subjects.get(reply.replace(/[^.]*$/, ''))
          if (text !== undefined && id !== undefined)
            socket.write(`MSG ${reply} ${id} ${text.length}\r\n${text}\r\n`)
        }
      }
    })
  }

  stop(): void {
    this.server.close()
    for (const socket of this.clients) socket.destroy()
  }
}
