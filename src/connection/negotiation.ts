/** Methods of class connection: the handshake in order, then close and update-secret. */

import { awaited } from '../broker/jobs.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import { MethodId, PROTOCOL_HEADER } from '../protocol/generated/constants.ts'
import type {
  AnyMethod,
  ConnectionOpen,
  ConnectionStartOk,
  ConnectionTuneOk,
} from '../protocol/generated/methods.ts'
import type { Principal } from '../security/principal.ts'
import { atTime, type Timer } from '../util/clock.ts'
import { charged } from '../util/owner.ts'
import { releaseInput } from '../util/tls-input.ts'
import type { Connection } from './connection.ts'
import { checkTuning, start, tune } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { type LoginFailure, login, offeredMechanisms } from './login.ts'
import { applyRights } from './rights.ts'
import { serverProperties } from './server-properties.ts'

/** State names as in RabbitMQ's error texts. */
type Step = 'pre_init' | 'starting' | 'securing' | 'tuning' | 'opening' | 'running' | 'refused'

/** AMQP 0-9 with its early protocol header; the methods are the same. */
const OLD_HEADER = Buffer.from('AMQP\x01\x01\x00\x09', 'latin1')

export class Negotiation {
  private step: Step = 'pre_init'
  user: Principal | undefined
  private expiry: Timer | undefined
  private readonly connection: Connection
  private readonly timer: Timer

  constructor(connection: Connection) {
    this.connection = connection
    const { handshakeMs } = connection.server.admission.limits
    this.timer = connection.clock.after(handshakeMs, () => {
      connection.server.doorLines.warn({ connection: connection.name, step: this.step }, 'handshake timeout')
      connection.socket.destroy()
    })
  }

  /**
   * Handles the first eight octets. Answers a wrong header with the supported one, closes the socket and returns false.
   */
  protocolHeader(octets: number[]): boolean {
    const header = Buffer.from(octets)
    const { connection } = this
    if (!header.equals(PROTOCOL_HEADER) && !header.equals(OLD_HEADER)) {
      connection.server.doorLines.warn({ connection: connection.name }, 'not an AMQP 0-9-1 protocol header')
      connection.output.put(PROTOCOL_HEADER)
      connection.endSocket()
      return false
    }
    this.step = 'starting'
    connection.output.method(
      0,
      start(
        serverProperties(connection.server.identity),
        offeredMechanisms(connection.server.login, connection.tls),
      ),
    )
    return true
  }

  unexpected(): AmqpError {
    return new AmqpError(ReplyCode.ChannelError, `unexpected method in connection state ${this.step}`)
  }

  /** @throws AmqpError 504 for an unexpected method, 530 for a refusal */
  method(m: AnyMethod): void {
    const { connection, step } = this
    if (m.id === MethodId.ConnectionClose) this.closedByClient()
    else if (m.id === MethodId.ConnectionCloseOk && connection.state === 'closing') connection.endSocket()
    else if (step === 'refused') return
    else if (m.id === MethodId.ConnectionStartOk && step === 'starting') this.startOk(m)
    else if (m.id === MethodId.ConnectionTuneOk && step === 'tuning') this.tuneOk(m)
    else if (m.id === MethodId.ConnectionOpen && step === 'opening') this.open(m)
    else if (m.id === MethodId.ConnectionUpdateSecret && step === 'running')
      this.updateSecret(m.newSecret.toString())
    else throw this.unexpected()
  }

  private startOk(m: ConnectionStartOk): void {
    const { connection } = this
    const { server } = connection
    const { address } = connection.peer
    connection.clientProperties = m.clientProperties
    connection.mechanism = m.mechanism
    this.step = 'securing'
    // The octets of the response are valid only during this call.
    const response = Buffer.from(m.response)
    const wait = (): Promise<void> => server.throttle.wait(address, connection.clock, connection.socket)
    login(server.users, server.login, { ...m, response }, connection, address, wait).then(
      (user) => charged(connection, () => this.loggedIn(m.mechanism, user)),
      (error) => connection.failed(error, 0, m.id),
    )
  }

  private loggedIn(mechanism: string, user: Principal | LoginFailure): void {
    const { connection } = this
    if (connection.state !== 'negotiating') return
    if (typeof user === 'string') {
      this.refuse(mechanism, user)
      return
    }
    this.user = user
    connection.server.rights.add(user.name, connection)
    connection.server.throttle.succeeded(connection.peer.address)
    this.step = 'tuning'
    connection.output.method(0, tune(connection.server.tuning))
  }

  /** Reports a refusal to clients that have the capability; for others only the socket is closed, after a while. */
  private refuse(mechanism: string, why: LoginFailure): void {
    const { connection } = this
    const text =
      why === 'refused' ? 'login refused' : 'invalid login: mechanism not offered, or malformed response'
    connection.server.doorLines.warn({ connection: connection.name, mechanism }, text)
    this.step = 'refused'
    if (why === 'refused' && connection.has('authentication_failure_close'))
      connection.close(
        ReplyCode.AccessRefused,
        `ACCESS_REFUSED - Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
      )
    connection.closeSocketAfter(
      connection.server.throttle.refused(connection.peer.address, connection.broker.clock.elapsed()),
    )
  }

  private tuneOk(m: ConnectionTuneOk): void {
    const { connection } = this
    const tuning = checkTuning(m, connection.server.tuning)
    connection.setFrameBytesMax(tuning.frameMax)
    connection.channelMax = tuning.channelMax
    if (tuning.heartbeat > 0)
      connection.heartbeat = new Heartbeat(tuning.heartbeat, connection.clock, connection)
    this.step = 'opening'
  }

  private open(m: ConnectionOpen): void {
    const { connection, user } = this
    if (user === undefined) throw this.unexpected()
    const { broker, server } = connection
    const name = m.virtualHost
    const { access, vhost } = server.admission.enter(user, name, broker.vhosts.get(name))
    connection.caller = { user: user.name, tags: user.tags, access, vhost, owner: connection }
    this.step = 'running'
    broker.counters.connectionsOpened++
    this.timer.cancel()
    connection.state = 'open'
    server.unopened.remove(connection.socket)
    releaseInput(connection.socket)
    this.expire(user.expires)
    connection.output.method(0, { id: MethodId.ConnectionOpenOk, knownHosts: '' })
    connection.server.logger.info(
      { connection: connection.name, user: user.name, vhost: m.virtualHost },
      'connection opened',
    )
  }

  /** Closes the connection when its token expires. */
  private expire(at: number | undefined): void {
    const { connection } = this
    this.expiry?.cancel()
    this.expiry = undefined
    if (at === undefined) return
    this.expiry = atTime(connection.clock, at, () =>
      connection.close(ReplyCode.ConnectionForced, 'CONNECTION_FORCED - credential expired'),
    )
  }

  /** Accepts a new token of the same user; new passwords are ignored, because nothing depends on them. */
  private updateSecret(secret: string): void {
    const { connection, user } = this
    const { oauth } = connection.server.login
    const accepted = (): void => connection.output.method(0, { id: MethodId.ConnectionUpdateSecretOk })
    if (oauth === undefined || user?.byToken !== true) {
      accepted()
      return
    }
    // Verified one at a time, so that the last token counts; never refused because too many logins are waiting.
    connection.pace.work(awaited(oauth.verify(secret, '', Number.POSITIVE_INFINITY)), (renewed) => {
      if (connection.state !== 'open') return
      if (renewed?.name !== user.name) {
        connection.close(
          ReplyCode.NotAllowed,
          'NOT_ALLOWED - New secret was refused by one of the backends',
          MethodId.ConnectionUpdateSecret,
        )
        return
      }
      this.user = renewed
      this.expire(renewed.expires)
      // There may be very many consumers, and each is compared with all scopes.
      connection.pace.work(applyRights(connection), accepted)
    })
  }

  /** Exclusive queues are deleted before close-ok is sent. */
  private closedByClient(): void {
    const { connection } = this
    connection.intake.stopListening()
    connection.state = 'closing'
    connection.endReason = 'the client closed the connection'
    connection.releaseAll(() => {
      if (connection.state !== 'closing') return
      connection.output.method(0, { id: MethodId.ConnectionCloseOk })
      connection.endSocket()
    })
  }

  ended(): void {
    this.expiry?.cancel()
    this.timer.cancel()
  }
}
