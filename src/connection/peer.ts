/** Who is at the other end: the socket's address, or what a trusted load balancer says in front of everything. */
import type { Socket } from 'node:net'
import { plainAddress } from '../util/address.ts'
import { readProxyHeader } from './proxy-protocol.ts'

export class Peer {
  address: string
  port: number
  private readonly socket: Socket
  /** The balancer's header as far as it has come; undefined where none is expected any more. */
  private header: Buffer | undefined

  /** @param proxied a trusted balancer is at that address */
  constructor(socket: Socket, proxied: ((address: string) => boolean) | undefined) {
    this.socket = socket
    this.address = plainAddress(socket.remoteAddress)
    this.port = socket.remotePort ?? 0
    if (proxied?.(this.address) === true) this.header = Buffer.alloc(0)
  }

  /** `host:port -> host:port` */
  get name(): string {
    const { localAddress, localPort } = this.socket
    return `${this.address}:${this.port} -> ${plainAddress(localAddress)}:${localPort}`
  }

  /** The balancer's header is still to come. */
  get expectsHeader(): boolean {
    return this.header !== undefined
  }

  /** Returns what is behind the header; undefined where more of it is to come. @throws Error where it is none */
  read(chunk: Buffer): Buffer | undefined {
    const all = Buffer.concat([this.header as Buffer, chunk])
    const reading = readProxyHeader(all)
    if (reading === 'wrong') throw new Error('no PROXY protocol header from a trusted address')
    if (reading === 'more') {
      this.header = all
      return undefined
    }
    this.header = undefined
    if (reading.peer !== undefined) {
      this.address = reading.peer.address
      this.port = reading.peer.port
    }
    return all.subarray(reading.size)
  }
}
