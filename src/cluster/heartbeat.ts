/** What nodes call to each other, in JSON: how they are, five times a second, and what one asks of another. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** `opening`: active, and not ready yet. `fenced`: active, and not sure of it at the moment, so it serves nobody. */
export type NodeState = 'joining' | 'standby' | 'opening' | 'serving' | 'fenced'

export interface ListenerAddress {
  readonly protocol: 'amqp' | 'amqps' | 'http' | 'https'
  readonly port: number
}

export interface Heartbeat {
  readonly kind: 'heartbeat'
  readonly node: string
  /** Another one each time the node starts. */
  readonly run: string
  readonly state: NodeState
  readonly epoch: number
  /** Batches that its store has, and has on disk. */
  readonly applied: number
  readonly flushed: number
  /** The log is needed from the record behind that one on. */
  readonly sequence: number
  /** Where other nodes reach it. */
  readonly host: string
  readonly peerPort: number
  readonly listeners: readonly ListenerAddress[]
  readonly version: string
  readonly startedAt: number
}

/** The active node hands over to that one. */
export interface PromoteRequest {
  readonly kind: 'promote'
  readonly id: string
  readonly from: string
  readonly node: string
}

export interface Answer {
  readonly kind: 'answer'
  readonly id: string
  /** undefined = done */
  readonly error?: string
}

export type Call = Heartbeat | PromoteRequest | Answer

const TAG_BYTES = 16

/** Calls with a tag that only who knows the secret can make. */
export class CallCodec {
  private readonly secret: string

  constructor(secret: string) {
    this.secret = secret
  }

  encode(call: Call): Buffer {
    const text = Buffer.from(JSON.stringify(call))
    return Buffer.concat([this.tag(text), text])
  }

  /** undefined where it is none, or not of this cluster. */
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
