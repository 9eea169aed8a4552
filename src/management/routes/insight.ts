/** Routes that diagnose a queue, show where a message would be routed, and watch messages. */
import type { Queue } from '../../broker/queue/queue.ts'
import type { Caller } from '../../operations/caller.ts'
import { tryRoute } from '../../operations/routing.ts'
import { type Tail, type TailBounds, type Watcher, watchExchange, watchQueue } from '../../operations/tail.ts'
import { TAILS_MAX, TAILS_OF_USER_MAX } from '../../operations/tail-limits.ts'
import type { Json } from '../../util/json.ts'
import { diagnose } from '../diagnosis.ts'
import { type AddRoute, HttpError, notFound, type Request, withCode } from '../http.ts'
import type { ManagedNode } from '../managed-node.ts'
import { type PayloadOptions, propertiesFrom } from '../message.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'
import { TailAnswer, TailStream, tailQuestion } from '../tail.ts'

export function insightRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  add('GET', 'queues/:vhost/:name/diagnosis', 'management', (r) =>
    diagnose(new Statistics(rates, {}), r.active, r.vhost(), existingQueue(r)),
  )
  add('POST', 'exchanges/:vhost/:name/route', 'management', (r) => route(r))
  const tails = new Tails(node)
  add('GET', 'queues/:vhost/:name/tail', 'management', (r) => {
    const { name } = existingQueue(r)
    const owner = r.broker.failures.owner('message', { watched: name })
    return tails.open(r, (c, stream, limit) => watchQueue(c, name, r.broker.clock, stream, limit, owner))
  })
  add('GET', 'exchanges/:vhost/:name/tail', 'management', (r) => {
    const name = exchangeName(r)
    const owner = r.broker.failures.owner('message', { watched: name })
    const key = r.query['key'] ?? '#'
    return tails.open(r, (c, watcher, bounds) =>
      watchExchange(c, name, key, r.broker.clock, watcher, bounds, owner),
    )
  })
}

function existingQueue(r: Request): Queue {
  r.broker.turn.pumpNow()
  const q = r.vhost().queues.get(r.params['name'] as string)
  if (q === undefined) throw notFound()
  return q
}

function exchangeName(r: Request): string {
  const given = r.params['name'] as string
  const name = given === 'amq.default' ? '' : given
  if (!r.vhost().exchanges.has(name)) throw notFound()
  return name
}

async function route(r: Request): Promise<Json> {
  const properties = propertiesFrom((r.body['properties'] ?? {}) as Json)
  const key = r.body['routing_key'] === undefined ? '' : r.text('routing_key')
  const { routed, ways, kept } = await withCode(() =>
    tryRoute(r.caller(r.vhost()), exchangeName(r), key, properties),
  )
  return {
    routed,
    queues: ways.map(({ queue, via }) => ({ name: queue.name, via: via.map((x) => x.name) })),
    notes: kept
      ? ['An exchange on the way keeps the message for now, because it is delayed, or has seen it before.']
      : [],
  }
}

type Watch = (c: Caller, watcher: Watcher, bounds: TailBounds) => Tail

/** A watcher that is only used to check whether watching is allowed. */
const nobody: Watcher = { see: () => false, ended: () => {} }

/** The current watchers. */
class Tails {
  private readonly node: ManagedNode
  private count = 0
  private readonly ofUser = new Map<string, number>()

  constructor(node: ManagedNode) {
    this.node = node
  }

  /** @throws HttpError 400, 429; AmqpError */
  open(r: Request, watch: Watch): TailStream | Promise<unknown> | undefined {
    if (this.count >= TAILS_MAX)
      throw new HttpError(429, 'too_many_requests', `${TAILS_MAX} others watch messages at present`)
    if ((this.ofUser.get(r.user.name) ?? 0) >= TAILS_OF_USER_MAX)
      throw new HttpError(
        429,
        'too_many_requests',
        `${TAILS_OF_USER_MAX} watch messages for this user at present`,
      )
    const live = (r.raw.headers.accept ?? '').includes('text/event-stream')
    const { bounds, payload } = tailQuestion(r.query, live)
    const c = r.caller(r.vhost())
    if (r.raw.method === 'HEAD') {
      watch(c, nobody, bounds).stop()
      return undefined
    }
    return live ? this.stream(r, c, watch, bounds, payload) : this.answer(r, c, watch, bounds, payload)
  }

  /** Counts a watcher. @returns a function that ends it, to be called once */
  private began(user: string): () => void {
    const add = (n: number): void => {
      const count = (this.ofUser.get(user) ?? 0) + n
      this.count += n
      if (count > 0) this.ofUser.set(user, count)
      else this.ofUser.delete(user)
    }
    add(1)
    return () => add(-1)
  }

  private stream(
    r: Request,
    c: Caller,
    watch: Watch,
    bounds: TailBounds,
    payload: PayloadOptions,
  ): TailStream {
    const stream = new TailStream(payload, this.node.clock)
    let tail: Tail
    try {
      tail = watch(c, stream, bounds)
    } catch (error) {
      stream.destroy()
      throw error
    }
    const ended = this.began(r.user.name)
    stream.once('close', () => {
      ended()
      tail.stop()
    })
    r.reply.type('text/event-stream').header('cache-control', 'no-store')
    return stream
  }

  /** Ends when the client disconnects. */
  private async answer(
    r: Request,
    c: Caller,
    watch: Watch,
    bounds: TailBounds,
    payload: PayloadOptions,
  ): Promise<unknown> {
    const answer = new TailAnswer(payload)
    const tail = watch(c, answer, bounds)
    const gone = (): void => tail.end('time')
    const ended = this.began(r.user.name)
    r.raw.raw.socket.once('close', gone)
    // The client may have disconnected during the login.
    if (r.raw.raw.socket.destroyed) gone()
    try {
      const text = await answer.done
      if (r.query.columns !== undefined) return JSON.parse(text)
      r.reply.type('application/json')
      return text
    } finally {
      ended()
      r.raw.raw.socket.off('close', gone)
    }
  }
}
