/**
 * One request after the other over a connection that stays: for tests that send them by the ten thousand, where Node's own
 * clients would take more of the time than the broker.
 */
import { connect, type Socket } from 'node:net'
import { hearErrors } from '../../src/util/sockets.ts'

interface PlainAnswer {
  readonly status: number
  readonly text: string
}

const HEAD_END = '\r\n\r\n'
const authorization = `Authorization: Basic ${btoa('guest:guest')}`

export class PlainClient {
  private readonly port: number
  private socket: Socket | undefined
  private held = Buffer.alloc(0)
  /** Looks whether the answer is there. */
  private look: (isOver: boolean) => void = () => {}

  constructor(port: number) {
    this.port = port
  }

  /** As guest, with a body of JSON, or none. @throws Error if the connection ends before the answer does */
  ask(method: string, path: string, body?: string): Promise<PlainAnswer> {
    const lengthAndType =
      body === undefined
        ? ''
        : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
    return new Promise((resolve, reject) => {
      this.look = (isOver) => {
        try {
          const answer = this.answer(method, isOver)
          if (answer !== undefined) resolve(answer)
          else if (isOver) reject(new Error(`no answer to ${method} ${path}`))
        } catch (error) {
          reject(error)
        }
      }
      this.open().write(
        `${method} ${path} HTTP/1.1\r\nHost: h\r\n${authorization}\r\n${lengthAndType}\r\n${body ?? ''}`,
      )
    })
  }

  close(): void {
    this.socket?.destroy()
  }

  private open(): Socket {
    if (this.socket !== undefined) return this.socket
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true })
    hearErrors(socket)
    this.held = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk])
      this.look(false)
    })
    socket.on('close', () => {
      // Of one that was left after its last answer, nobody waits for more.
      if (this.socket !== socket) return
      this.socket = undefined
      this.look(true)
    })
    this.socket = socket
    return socket
  }

  /** undefined while it is not complete. */
  private answer(method: string, isOver: boolean): PlainAnswer | undefined {
    const end = this.held.indexOf(HEAD_END)
    if (end < 0) return undefined
    const head = this.held.toString('latin1', 0, end).toLowerCase()
    const rest = this.held.subarray(end + HEAD_END.length)
    const status = Number(head.slice(9, 12))
    const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
    let text: string | undefined
    if (method === 'HEAD' || status === 204 || status === 304) text = ''
    else if (head.includes('\r\ntransfer-encoding: chunked')) text = joined(rest)
    else if (length !== undefined)
      text = rest.length < Number(length) ? undefined : rest.toString('utf8', 0, Number(length))
    else text = isOver ? rest.toString() : undefined
    if (text === undefined) return undefined
    this.held = Buffer.alloc(0)
    if (head.includes('\r\nconnection: close')) {
      this.socket?.destroy()
      this.socket = undefined
    }
    return { status, text }
  }
}

/** The text of all chunks; undefined while the last one, which is empty, has not come. */
function joined(octets: Buffer): string | undefined {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const end = octets.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = Number.parseInt(octets.toString('latin1', at, end), 16)
    const begin = end + 2
    if (octets.length < begin + size + 2) return undefined
    if (size === 0) return Buffer.concat(parts).toString()
    parts.push(octets.subarray(begin, begin + size))
    at = begin + size + 2
  }
}
