/** Opens the connections of shovels, over the network or to the local broker. */
import { connect as connectPlain, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { insiders } from '../connection/login.ts'
import type { Server } from '../connection/server.ts'
import { CONTENT_BYTES_MAX, MESSAGE_BYTES_MAX } from '../limits.ts'
import { fullAccess } from '../security/access.ts'
import { type Principal, userPrincipal } from '../security/principal.ts'
import { nodeName } from '../util/node-name.ts'
import { hearErrors, isNoTls } from '../util/sockets.ts'
import { startTimer, stopTimer } from '../util/timers.ts'
import { version } from '../util/version.ts'
import { type Client, openClient } from './amqplib.ts'
import { duplexPair } from './duplex-pair.ts'
import { connectionOptions } from './files.ts'
import type { AmqpAddress } from './uri.ts'

const FRAME_BYTES = 131_072
const HEARTBEAT_S = 10

/** The identity of shovels without a user: has full permissions, and may publish with the user id of others. */
const shovelItself: Principal = {
  name: 'none',
  tags: ['administrator', 'impersonator'],
  byToken: false,
  expires: undefined,
  access: () => fullAccess,
}

export class LinkError extends Error {}

/**
 * @param server of the local broker, for URIs without a host; undefined if there is none
 * @param name of the connection, as shown to operators
 * @param signal aborts the attempt
 * @throws the network or login error
 */
export async function openLink(
  a: AmqpAddress,
  server: Server | undefined,
  name: string,
  signal: AbortSignal,
): Promise<Client> {
  const stream =
    a.host === undefined
      ? await insideStream(a, server)
      : await networkStream(a, a.host, a.tls && (await connectionOptions(a.tls)), signal)
  hearErrors(stream)
  const stop = (): void => void stream.destroy(new LinkError('stopped'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop)
  const timer = startTimer(() => stream.destroy(new LinkError('the login did not end in time')), a.timeoutMs)
  const { user = 'guest', password = user === 'guest' ? 'guest' : '' } = a
  try {
    const client = await openClient(stream, {
      clientProperties: {
        product: 'Leveret',
        version,
        platform: `Node.js ${process.version}`,
        connection_name: name,
        capabilities: {
          publisher_confirms: true,
          'basic.nack': true,
          consumer_cancel_notify: true,
          exchange_exchange_bindings: true,
          'connection.blocked': true,
          authentication_failure_close: true,
        },
      },
      mechanism: a.mechanism,
      response: responseOf(a.mechanism, user, password),
      locale: 'en_US',
      channelMax: a.channelMax,
      frameMax: FRAME_BYTES,
      heartbeat: a.host === undefined ? 0 : (a.heartbeat ?? HEARTBEAT_S),
      // For incoming frames: the other broker may send anything, whatever was negotiated.
      maxFrameSize: FRAME_BYTES,
      messageBytesMax: bytesMaxOf(a, server),
      virtualHost: a.vhost,
      capabilities: '',
      insist: 0,
    })
    client.on('error', () => {})
    return client
  } catch (error) {
    stream.destroy()
    // The library does not process a connection.close that arrives in place of connection.open-ok.
    if (/^Expected ConnectionOpenOk; got <ConnectionClose/.test((error as Error).message))
      throw new LinkError(`NOT_ALLOWED - there is no vhost '${a.vhost}', or user '${user}' may not enter it`)
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stopTimer(timer)
  }
}

/**
 * Octets of a message that the other end may send. What is larger than this broker's `max_message_size` would be refused
 * at one end or the other; but a queue of this broker may have it from before the limit was lowered.
 */
function bytesMaxOf({ host }: AmqpAddress, server: Server | undefined): number {
  return host === undefined ? CONTENT_BYTES_MAX : (server?.broker.messageBytesMax ?? MESSAGE_BYTES_MAX)
}

function responseOf(mechanism: AmqpAddress['mechanism'], user: string, password: string): Buffer {
  if (mechanism === 'EXTERNAL') return Buffer.alloc(0)
  if (mechanism === 'PLAIN') return Buffer.from(`\0${user}\0${password}`)
  const field = (key: string, value: string): Buffer => {
    const head = Buffer.concat([Buffer.from([key.length]), Buffer.from(`${key}S`), Buffer.alloc(4)])
    head.writeUInt32BE(Buffer.byteLength(value), head.length - 4)
    return Buffer.concat([head, Buffer.from(value)])
  }
  return Buffer.concat([field('LOGIN', user), field('PASSWORD', password)])
}

function networkStream(
  { port, timeoutMs }: AmqpAddress,
  host: string,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket: Socket =
      tls === undefined ? connectPlain({ host, port }) : connectTls({ host, port, ...tls })
    // No option of `connectTls`.
    socket.setNoDelay(true)
    const timer = startTimer(
      () => socket.destroy(new LinkError(`${host}:${port} does not answer`)),
      timeoutMs,
    )
    const stop = (): void => void socket.destroy(new LinkError('stopped'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    const over = (): void => {
      signal.removeEventListener('abort', stop)
      stopTimer(timer)
    }
    socket.once('error', (error) => {
      over()
      reject(
        tls !== undefined && isNoTls(error) ? new LinkError(`${host}:${port} does not speak TLS`) : error,
      )
    })
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      over()
      resolve(socket)
    })
  })
}

/** Connects to the local broker. Needs no password: permission was checked when the parameter was set. */
async function insideStream({ user, password }: AmqpAddress, server: Server | undefined): Promise<Duplex> {
  if (server === undefined) throw new LinkError('this node has no active broker at the moment')
  const { users } = server
  let principal = shovelItself
  if (user !== undefined) {
    const record = password === undefined ? users.get(user) : await users.login(user, password, true)
    if (record === undefined) throw new LinkError(`login as user '${user}' refused`)
    principal = userPrincipal(users, record)
  }
  const [own, brokers] = duplexPair()
  const address = { remoteAddress: '127.0.0.1', remotePort: 0, localAddress: '127.0.0.1', localPort: 0 }
  const socket = Object.assign(brokers, address) as unknown as Socket
  hearErrors(socket)
  insiders.set(socket, principal)
  server.accept(socket)
  return own
}

/** The connection name in the log of the remote broker. */
export function linkName(shovel: string): string {
  return `Shovel ${shovel} on ${nodeName}`
}
