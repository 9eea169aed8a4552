/** The client's address: that of the socket, or the one in the PROXY header of a trusted load balancer. */
import type { Socket } from 'node:net'
import { plainAddress } from '../util/address.ts'
import { startTimer, stopTimer } from '../util/timers.ts'
import { boundInputOf, releaseInput } from '../util/tls-input.ts'
import { type ProxyPeer, readProxyHeader } from './proxy-protocol.ts'

export class Peer {
  address: string
  port: number
  private readonly socket: Socket
  /** The PROXY header so far; undefined if none is expected. */
  private header: Buffer | undefined

  /** @param proxied whether a trusted load balancer has that address */
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

  /** Whether a PROXY header is expected that is not complete yet. */
  get expectsHeader(): boolean {
    return this.header !== undefined
  }

  /** Returns the octets after the header; undefined if it is incomplete. @throws Error if it is invalid */
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

/**
 * Reads the PROXY header in front of a TLS handshake, where load balancers send it; the rest stays in the socket.
 * @param ms time for the header
 * @param done receives the client's address, undefined if the balancer connects for itself, or why there is no header;
 * it must add a reader. Not called if the socket closes before.
 */
export function readHeader(
  socket: Socket,
  ms: number,
  done: (client: ProxyPeer | undefined | Error) => void,
): void {
  let octets: Buffer = Buffer.alloc(0)
  const stop = (): void => {
    stopTimer(timer)
    releaseInput(socket)
    socket.off('data', take).off('close', stop)
  }
  const take = (chunk: Buffer): void => {
    octets = Buffer.concat([octets, chunk])
    const reading = readProxyHeader(octets)
    if (reading === 'more') return
    stop()
    if (reading === 'wrong') {
      done(noHeader())
      return
    }
    // Paused, it cannot lose octets before the next reader has come.
    socket.pause()
    if (octets.length > reading.size) socket.unshift(octets.subarray(reading.size))
    done(reading.peer)
    socket.resume()
  }
  const timer = startTimer(() => {
    stop()
    done(noHeader())
  }, ms)
  boundInputOf(socket)
  socket.on('data', take).on('close', stop)
}

function noHeader(): Error {
  return Object.assign(new Error('no PROXY protocol header from a trusted address'), {
    code: 'ERR_PROXY_HEADER',
  })
}
