/** Messages between nodes: heartbeats to all nodes, and requests that one node answers. */
import type { Clock } from '../util/clock.ts'
import type { Engine } from './engine.ts'
import { type Call, CallCodec, type Heartbeat } from './heartbeat.ts'

/** Maximum number of requests that wait for an answer. */
const WAITING_MAX = 64

export interface CallListener {
  heard(heartbeat: Heartbeat): void
  /**
   * Called on every node; undefined if another node has to answer. @throws Error whose text is sent to the requester
   */
  promote(node: string): Promise<void> | undefined
}

export class Calls {
  private readonly engine: Engine
  private readonly clock: Clock
  private readonly codec: CallCodec
  private readonly name: string
  private readonly waiting = new Map<string, (error: string | undefined) => void>()
  private count = 0

  /** @param name identifies this node in its current run */
  constructor(engine: Engine, clock: Clock, secret: string, name: string) {
    this.engine = engine
    this.clock = clock
    this.codec = new CallCodec(secret)
    this.name = name
  }

  /** Returns a function that stops listening. */
  listen(listener: CallListener): () => void {
    return this.engine.hear((bytes) => {
      const call = this.codec.decode(bytes)
      if (call !== undefined) this.hear(call, listener)
    })
  }

  private hear(call: Call, listener: CallListener): void {
    switch (call.kind) {
      case 'heartbeat':
        listener.heard(call)
        break
      case 'promote': {
        const { id } = call
        listener.promote(call.node)?.then(
          () => this.say({ kind: 'answer', id }),
          (error) => this.say({ kind: 'answer', id, error: (error as Error).message }),
        )
        break
      }
      case 'answer':
        this.waiting.get(call.id)?.(call.error)
        break
      default:
        // A newer release may send calls that this one does not know.
        call satisfies never
    }
  }

  say(call: Call): void {
    this.engine.say(this.codec.encode(call))
  }

  /**
   * Sends a request to whichever node can answer it. @throws Error with the reason in the answer, or if none arrives
   */
  promote(node: string, timeoutMs: number): Promise<void> {
    if (this.waiting.size >= WAITING_MAX)
      return Promise.reject(new Error('too many requests wait for answers'))
    const id = `${this.name}-${++this.count}`
    return new Promise((resolve, reject) => {
      const done = (error: string | undefined): void => {
        this.waiting.delete(id)
        timer.cancel()
        if (error === undefined) resolve()
        else reject(new Error(error))
      }
      const timer = this.clock.after(timeoutMs, () => done('no active node has answered'))
      this.waiting.set(id, done)
      this.say({ kind: 'promote', id, from: this.name, node })
    })
  }
}
