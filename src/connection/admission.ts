/**
 * Admits connections and channels within the limits of the node, of vhosts and of users (behaviour.md sections 3, 4,
 * 16).
 */
import type { Vhost } from '../broker/vhost.ts'
import {
  CONSUMERS_PER_CHANNEL_MAX,
  HANDSHAKE_MS_MAX,
  SEND_MS_MAX,
  TRANSACTION_BYTES_MAX,
  UNAUTHENTICATED_MAX,
} from '../limits.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import type { Access } from '../security/access.ts'
import type { Principal } from '../security/principal.ts'
import type { Users } from '../security/users.ts'
import { nodeName } from '../util/node-name.ts'
import { notAllowed } from './handshake.ts'

/** Configurable limits of the node. */
export interface NodeLimits {
  /** Maximum open connections; Infinity = no limit. */
  readonly connections: number
  /** Maximum connections that have not opened a vhost yet. */
  readonly unauthenticated: number
  /** ms from the TCP connection to connection.open. */
  readonly handshakeMs: number
  /** ms within which a client must read some of its pending output; 0 or Infinity = no limit. */
  readonly sendTimeoutMs: number
  readonly consumersPerChannel: number
  /** Maximum open channels of all connections; Infinity = no limit. */
  readonly channels: number
  /** Maximum frame size before login; undefined = that of the announced version. */
  readonly initialFrameMax: number | undefined
  /** Maximum octets published in an open transaction. */
  readonly transactionBytes: number
}

export const defaultLimits: NodeLimits = {
  connections: Number.POSITIVE_INFINITY,
  unauthenticated: UNAUTHENTICATED_MAX,
  handshakeMs: HANDSHAKE_MS_MAX,
  sendTimeoutMs: SEND_MS_MAX,
  consumersPerChannel: CONSUMERS_PER_CHANNEL_MAX,
  channels: Number.POSITIVE_INFINITY,
  initialFrameMax: undefined,
  transactionBytes: TRANSACTION_BYTES_MAX,
}

class Counts {
  private readonly counts = new Map<string, number>()

  get(name: string): number {
    return this.counts.get(name) ?? 0
  }

  add(name: string, n: number): void {
    const count = this.get(name) + n
    if (count === 0) this.counts.delete(name)
    else this.counts.set(name, count)
  }
}

export class Admission {
  private readonly users: Users
  private readonly node: { readonly limits: NodeLimits }
  private open = 0
  private channels = 0
  private readonly byVhost = new Counts()
  private readonly byUser = new Counts()
  private readonly channelsByUser = new Counts()

  /** @param node the node, for its current limits */
  constructor(users: Users, node: { readonly limits: NodeLimits }) {
    this.users = users
    this.node = node
  }

  get limits(): NodeLimits {
    return this.node.limits
  }

  /** Number of counted connections. */
  get openCount(): number {
    return this.open
  }

  /** Counts a connection. @throws AmqpError 530 */
  enter(principal: Principal, vhostName: string, vhost: Vhost | undefined): { access: Access; vhost: Vhost } {
    const user = principal.name
    const limits = this.users.get(user)?.limits ?? {}
    const { connections } = this.limits
    if (this.open >= connections)
      throw notAllowed(`connection refused: node connection limit (${connections}) is reached`)
    if (vhost === undefined) throw notAllowed(`vhost ${vhostName} not found`)
    if (vhost.info.down === true)
      throw new AmqpError(
        ReplyCode.InternalError,
        `access to vhost '${vhostName}' refused for user '${user}': vhost '${vhostName}' is down`,
      )
    const perVhost = vhost.limits['max-connections'] ?? -1
    if (perVhost >= 0 && this.byVhost.get(vhostName) >= perVhost)
      throw notAllowed(
        `access to vhost '${vhostName}' refused for user '${user}': connection limit (${perVhost}) is reached`,
      )
    const perUser = limits['max-connections'] ?? -1
    if (perUser >= 0 && this.byUser.get(user) >= perUser)
      throw notAllowed(`connection refused for user '${user}': user connection limit (${perUser}) is reached`)
    const access = principal.access(vhostName)
    if (access === undefined) throw notAllowed(`access to vhost '${vhostName}' refused for user '${user}'`)
    this.open++
    this.byVhost.add(vhostName, 1)
    this.byUser.add(user, 1)
    return { access, vhost }
  }

  /** Called when a counted connection has ended. */
  leave(user: string, vhost: string): void {
    this.open--
    this.byVhost.add(vhost, -1)
    this.byUser.add(user, -1)
  }

  /** Counts a channel. @throws AmqpError 530 */
  enterChannel(user: string): void {
    const error = this.channelRefusal(user)
    if (error !== undefined) throw error
    this.channels++
    this.channelsByUser.add(user, 1)
  }

  private channelRefusal(user: string): AmqpError | undefined {
    const { channels } = this.limits
    if (this.channels >= channels)
      return notAllowed(
        `number of channels opened on node '${nodeName}' has reached the maximum allowed limit of (${channels})`,
      )
    const max = this.users.get(user)?.limits['max-channels'] ?? -1
    if (max < 0 || this.channelsByUser.get(user) < max) return undefined
    return notAllowed(
      `number of channels opened for user '${user}' has reached the maximum allowed user limit of ${max}`,
    )
  }

  leaveChannels(user: string, count: number): void {
    if (count === 0) return
    this.channels -= count
    this.channelsByUser.add(user, -count)
  }
}
