/**
 * Messages between nodes, in JSON: heartbeats with the state of a node, five times a second, and requests to other
 * nodes.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * `opening`: active, but not ready yet. `fenced`: active, but currently unable to prove it, so it serves no clients.
 */
export type NodeState = 'joining' | 'standby' | 'opening' | 'serving' | 'fenced'

export interface ListenerAddress {
  readonly protocol: 'amqp' | 'amqps' | 'http' | 'https'
  readonly port: number
}

export interface Heartbeat {
  readonly kind: 'heartbeat'
  readonly node: string
  /** Changes each time the node starts. */
  readonly run: string
  readonly state: NodeState
  readonly epoch: number
  /** Number of batches that its store has applied, and that its store has on disk. */
  readonly applied: number
  readonly flushed: number
  /** The node needs the records of the log after this one. */
  readonly sequence: number
  /** Address under which other nodes reach it. */
  readonly host: string
  readonly peerPort: number
  readonly listeners: readonly ListenerAddress[]
  readonly version: string
  readonly startedAt: number
}

/** Asks the active node to hand over to that node. */
export interface PromoteRequest {
  readonly kind: 'promote'
  readonly id: string
  readonly from: string
  readonly node: string
}

export interface Answer {
  readonly kind: 'answer'
  readonly id: string
  /** undefined = success */
  readonly error?: string
}

export type Call = Heartbeat | PromoteRequest | Answer

const TAG_BYTES = 16

/** Encodes calls with a tag that only nodes that know the secret can compute. */
export class CallCodec {
  private readonly secret: string

  constructor(secret: string) {
    this.secret = secret
  }

  encode(call: Call): Buffer {
    const text = Buffer.from(JSON.stringify(call))
    return Buffer.concat([this.tag(text), text])
  }

  /** undefined if it is not a call, or not a call of this cluster. */
  decode(bytes: Uint8Array): Call | undefined {
    const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (b.length <= TAG_BYTES) return undefined
    const text = b.subarray(TAG_BYTES)
    if (!timingSafeEqual(this.tag(text), b.subarray(0, TAG_BYTES))) return undefined
    try {
      return JSON.parse(text.toString()) as Call
    } catch {
      return undefined
    }
  }

  private tag(text: Buffer): Buffer {
    return createHmac('sha256', this.secret).update(text).digest().subarray(0, TAG_BYTES)
  }
}
