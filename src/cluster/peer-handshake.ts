/**
 * The handshake on the peer port: each of two nodes proves that it knows the secret of the cluster without revealing
 * it.
 *
 * The connecting node sends a mark and 32 random octets; the other one answers with 32 of its own and an HMAC-SHA-256
 * over both; the connecting node sends an HMAC over both and its request, and the request as JSON, preceded by its
 * length (u32, little-endian). The response is an octet 0, followed by what was requested; or an octet 1, followed by
 * the reason for refusing it, preceded by its length.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Clock, Timer } from '../util/clock.ts'

const MARK = Buffer.from('LVPEER1\n')
const NONCE_BYTES = 32
const TAG_BYTES = 32
const REQUEST_BYTES_MAX = 4096

const RELAYED_TO = ['amqp', 'amqps', 'unwrapped', 'page', 'http', 'control'] as const
export type RelayedTo = (typeof RELAYED_TO)[number]

export type PeerRequest =
  | { readonly want: 'snapshot' }
  /**
   * A client of that listener; `index` counts the listeners of the same kind. A PROXY header and the client's octets
   * follow; `unwrapped` is plain AMQP that came in a WebSocket or in TLS, which no load balancer announces; `page`
   * the same from a web page that does not come from the machine of the standby.
   */
  | { readonly want: 'relay'; readonly to: RelayedTo; readonly index: number }

export class PeerError extends Error {
  override readonly name = 'PeerError'
}

/** How long the other side may be silent: a process that is stopped keeps its connections. */
export interface Patience {
  readonly clock: Clock
  readonly ms: number
}

/**
 * Reads exactly that many octets; the rest stays in the stream.
 * @throws PeerError if the stream ends before, or if nothing arrives for too long
 */
export async function readExactly(stream: Duplex, count: number, patience?: Patience): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  while (length < count) {
    // Reads all there is: a stream that keeps a part of its data immediately signals again that it is readable.
    const chunk = stream.read() as Buffer | null
    if (chunk !== null) {
      chunks.push(chunk)
      length += chunk.length
    } else if (stream.readableEnded || stream.destroyed) throw new PeerError('the connection has ended early')
    else await happens(stream, ['readable', 'end', 'close'], patience)
  }
  const all = Buffer.concat(chunks)
  if (length > count) stream.unshift(all.subarray(count))
  return all.subarray(0, count)
}

/** Resolves at the first of these events. @throws PeerError if none of them comes in time */
export async function happens(stream: Duplex, events: readonly string[], patience?: Patience): Promise<void> {
  const over = new AbortController()
  let timer: Timer | undefined
  const late = new Promise<never>((_, reject) => {
    timer = patience?.clock.after(patience.ms, () => reject(new PeerError('the other node has stopped')))
  })
  try {
    await Promise.race([
      late,
      ...events.map((event) => once(stream, event, { signal: over.signal }).catch(() => {})),
    ])
  } finally {
    timer?.cancel()
    over.abort()
  }
}

function tagOf(secret: string, who: string, ...parts: readonly Buffer[]): Buffer {
  const hmac = createHmac('sha256', secret).update(who)
  for (const p of parts) hmac.update(p)
  return hmac.digest()
}

/** @throws PeerError if the other node does not know the secret, or refuses the request */
export async function askPeer(stream: Duplex, secret: string, request: PeerRequest): Promise<void> {
  const mine = randomBytes(NONCE_BYTES)
  stream.write(Buffer.concat([MARK, mine]))
  const answer = await readExactly(stream, NONCE_BYTES + TAG_BYTES)
  const theirs = answer.subarray(0, NONCE_BYTES)
  if (!timingSafeEqual(answer.subarray(NONCE_BYTES), tagOf(secret, 'server', mine, theirs)))
    throw new PeerError('the other node has another secret (cluster.secret)')
  const body = Buffer.from(JSON.stringify(request))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(body.length)
  stream.write(Buffer.concat([tagOf(secret, 'client', mine, theirs, body), length, body]))
  const [status] = await readExactly(stream, 1)
  if (status === 0) return
  const size = (await readExactly(stream, 4)).readUInt32LE()
  throw new PeerError((await readExactly(stream, Math.min(size, REQUEST_BYTES_MAX))).toString())
}

/** The other side of `askPeer`, up to the request. @throws PeerError */
export async function hearPeer(stream: Duplex, secret: string): Promise<PeerRequest> {
  const hello = await readExactly(stream, MARK.length + NONCE_BYTES)
  if (!hello.subarray(0, MARK.length).equals(MARK)) throw new PeerError('it is not a node of a cluster')
  const theirs = hello.subarray(MARK.length)
  const mine = randomBytes(NONCE_BYTES)
  stream.write(Buffer.concat([mine, tagOf(secret, 'server', theirs, mine)]))
  const head = await readExactly(stream, TAG_BYTES + 4)
  const size = head.readUInt32LE(TAG_BYTES)
  if (size > REQUEST_BYTES_MAX) throw new PeerError('its request is too large')
  const body = await readExactly(stream, size)
  if (!timingSafeEqual(head.subarray(0, TAG_BYTES), tagOf(secret, 'client', theirs, mine, body)))
    throw new PeerError('it has another secret (cluster.secret)')
  return requestIn(body)
}

/** Parses a request; a node of another release may send an unknown one. @throws PeerError */
function requestIn(body: Buffer): PeerRequest {
  let read: unknown
  try {
    read = JSON.parse(body.toString())
  } catch {
    throw new PeerError('its request cannot be read')
  }
  const { want, to, index } = (read ?? {}) as { [name: string]: unknown }
  if (want === 'snapshot') return { want }
  if (
    want !== 'relay' ||
    !RELAYED_TO.includes(to as RelayedTo) ||
    !Number.isSafeInteger(index) ||
    Number(index) < 0
  )
    throw new PeerError('its request is not known')
  return { want, to: to as RelayedTo, index: Number(index) }
}

export function accept(stream: Duplex): void {
  stream.write(Buffer.from([0]))
}

export function refuse(stream: Duplex, why: string): void {
  const text = Buffer.from(why)
  const head = Buffer.alloc(5)
  head[0] = 1
  head.writeUInt32LE(text.length, 1)
  stream.end(Buffer.concat([head, text]))
}
