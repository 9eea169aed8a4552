/**
 * Accepts the clients of a node that is not the active one, and relays their octets to the same listener of the active
 * node, TLS untouched. Clients that connect while there is no active node wait for a while.
 */
import type { Socket } from 'node:net'
import type { Listener } from '../connection/listener.ts'
import type { Listeners, Receiver } from '../connection/listeners.ts'
import { foreignPages } from '../connection/login.ts'
import { writeProxyHeader } from '../connection/proxy-protocol.ts'
import { Unopened, type UnopenedBounds } from '../connection/unopened.ts'
import { YoungClients } from '../connection/young-clients.ts'
import { plainAddress } from '../util/address.ts'
import { type Clock, pauseOn, type Timer } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { RepeatedLines } from '../util/repeated-lines.ts'
import { hearErrors, holdInput } from '../util/sockets.ts'
import { AskingPlaces } from './asking.ts'
import type { PeerRequest } from './peer-handshake.ts'

/** ms that a client waits for an active node. */
const WAIT_MS_MAX = 5000
const RETRY_MS = 50
/** Maximum number of waiting clients; beyond it, the oldest one of the address with the most of them is closed. */
export const WAITING_MAX = 4096
const WAITING: UnopenedBounds = { all: WAITING_MAX, perAddress: (WAITING_MAX / 4) * 3 }

export interface ActiveNode {
  readonly node: string
  readonly host: string
  readonly peerPort: number
}

export type RelayRequest = Extract<PeerRequest, { want: 'relay' }>

export interface RelayOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly listeners: Listeners
  /** The node that runs the broker; undefined while there is none, or none is known. */
  readonly active: () => ActiveNode | undefined
  /** Connects to a node's peer port. @throws Error */
  readonly ask: (host: string, port: number, request: PeerRequest) => Promise<Socket>
}

/** Tries to place a client; resolves with whether that succeeded. */
type Attempt = () => Promise<boolean>

export class Relay implements Receiver {
  private readonly options: RelayOptions
  /** Relayed clients, each with its socket to the active node. */
  private readonly passed = new Map<Socket, Socket>()
  private readonly waiting = new Set<Socket>()
  /** Bounds the waiting clients. */
  private readonly unopened: Unopened
  private readonly young: YoungClients
  private readonly asked = new AskingPlaces()
  private readonly doorLines: RepeatedLines

  constructor(options: RelayOptions) {
    this.options = options
    this.doorLines = new RepeatedLines(options.logger, () => options.clock.now())
    this.unopened = new Unopened(
      () => WAITING,
      () => options.clock.elapsed(),
      (address) => this.doorLines.warn({ address }, 'waiting clients closed to make room'),
    )
    this.young = new YoungClients(options.clock, (address) =>
      this.doorLines.warn({ address }, 'relayed clients closed to make room'),
    )
    for (const closable of [this.unopened, this.young]) options.listeners.descriptors.add(closable)
  }

  endRelays(): void {
    for (const socket of [...this.passed.keys(), ...this.waiting]) socket.destroy()
  }

  /** Number of clients that are being relayed. */
  get relayed(): number {
    return this.passed.size
  }

  /**
   * Relays a client over a WebSocket, or one that was in its TLS handshake when this node stopped being active: plain
   * AMQP.
   */
  accept(socket: Socket): void {
    const to = foreignPages.has(socket) ? 'page' : 'unwrapped'
    const request: RelayRequest = { want: 'relay', to, index: 0 }
    this.place(socket, request, (here) => here.accept(socket))
  }

  relay(socket: Socket, listener: Listener): void {
    const { open } = this.options.listeners
    const index = open.filter((l) => l.secure === listener.secure).indexOf(listener)
    const request: RelayRequest = { want: 'relay', to: listener.secure ? 'amqps' : 'amqp', index }
    this.place(socket, request, () => listener.take(socket))
  }

  /** @param here passes the client to the broker of this node, if this has become the active one meanwhile */
  private place(socket: Socket, request: RelayRequest, here: (receiver: Receiver) => void): void {
    hearErrors(socket)
    // Very many may wait, and all send.
    const readOn = holdInput(socket)
    this.waiting.add(socket)
    this.unopened.add(socket, plainAddress(socket.remoteAddress))
    const { receiver } = this.options.listeners
    const waits = (giveUp: () => void): Timer => this.options.clock.after(WAIT_MS_MAX, giveUp)
    const attempt: Attempt = async () => {
      const now = this.options.listeners.receiver
      if (now !== undefined && now !== this && now !== receiver) {
        readOn()
        here(now)
        return true
      }
      if (this.options.active() === undefined || !(await this.asked.turnOf(socket, waits))) return false
      try {
        // The active node may be another one by now, or this one.
        const target = this.options.active()
        if (target === undefined || this.options.listeners.receiver !== now) return false
        return await this.pass(socket, request, target, readOn)
      } finally {
        this.asked.leave()
      }
    }
    this.keepTrying(socket, attempt)
      .catch((error) => {
        this.options.logger.error({ err: error }, 'cannot relay a client')
        socket.destroy()
      })
      .finally(() => {
        this.waiting.delete(socket)
        this.unopened.remove(socket)
      })
  }

  private async keepTrying(socket: Socket, attempt: Attempt): Promise<void> {
    const { clock } = this.options
    const until = clock.elapsed() + WAIT_MS_MAX
    while (!socket.destroyed && clock.elapsed() < until) {
      if (await attempt()) return
      await pauseOn(clock, RETRY_MS)
    }
    if (socket.destroyed) return
    this.doorLines.warn(
      { client: plainAddress(socket.remoteAddress) },
      'a client is closed: there is no active node',
    )
    socket.destroy()
  }

  private async pass(
    socket: Socket,
    request: RelayRequest,
    target: ActiveNode,
    readOn: () => void,
  ): Promise<boolean> {
    const client = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 }
    let peer: Socket
    try {
      peer = await this.options.ask(target.host, target.peerPort, request)
    } catch (error) {
      this.options.logger.debug(
        { err: (error as Error).message, node: target.node },
        'cannot pass a client on',
      )
      return false
    }
    if (socket.destroyed) {
      peer.destroy()
      return true
    }
    peer.write(writeProxyHeader(client))
    this.passed.set(socket, peer)
    peer.once('close', () => {
      this.passed.delete(socket)
      socket.destroy()
    })
    socket.once('close', () => peer.destroy())
    this.young.add(socket, peer, client.address)
    socket.pipe(peer)
    readOn()
    peer.pipe(socket)
    return true
  }
}
