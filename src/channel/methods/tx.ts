import { carbonCopyKeys } from '../../broker/carbon-copies.ts'
import { type Outcome, recipients, startFanOut } from '../../broker/fan-out.ts'
import type { Steps } from '../../broker/jobs.ts'
import { type InboundMessage, readContent } from '../../broker/message.ts'
import { isUnroutable, type Route } from '../../broker/router.ts'
import { COMMITTED_BYTES_PER_STEP, COMMITTED_PER_STEP, STEP_MS } from '../../limits.ts'
import { preconditionFailed } from '../../protocol/errors.ts'
import { MethodId } from '../../protocol/generated/constants.ts'
import type { ServerMethod } from '../../protocol/generated/methods.ts'
import { readU32 } from '../../util/octets.ts'
import type { Channel } from '../channel.ts'
import { Confirms } from '../confirms.ts'
import { published, returnMessage } from '../publish.ts'
import { type PendingPublish, Transaction } from '../transaction.ts'
import type { Handlers } from './handler.ts'

/** @throws AmqpError 406 if the channel is not transactional */
function transactionOf(ch: Channel): Transaction {
  if (ch.transaction === undefined) throw preconditionFailed('channel is not transactional')
  return ch.transaction
}

/** Octets of headers that take as long to decode as making one copy of a message. */
const HEADER_OCTETS_LIKE_A_COPY = 256

function headerOctets({ source, contentStart }: InboundMessage): number {
  return readU32(source, contentStart + 4)
}

/** The names of the target queues of a message published to the default exchange; otherwise empty. */
function namesOf({ source, namesStart, contentStart, contentEnd }: InboundMessage): string[] {
  if (source[namesStart] !== 0) return []
  const { routingKey, properties } = readContent(source, namesStart, contentStart, contentEnd)
  return [routingKey, ...carbonCopyKeys(properties.headers, 'CC')]
}

/** Whether an earlier publish of the transaction, or one made meanwhile, has made it a duplicate in an exchange on its way. */
function isRepeated(ch: Channel, { effects }: Route): boolean {
  return effects.some((e) => e.isRepeated?.(ch.broker.turn.now()) === true)
}

/** The route at commit: queues may have been deleted or created since the publish. */
function routeAtCommit(ch: Channel, { message, route, version }: PendingPublish): Route {
  const { queues, version: now } = ch.caller.vhost
  if (route.again !== undefined && isRepeated(ch, route)) {
    const again = route.again()
    if (again !== undefined) return again
  }
  if (version === now) return route
  const there = route.queues.map((q) => (q.deleted ? queues.get(q.name) : q))
  const named = namesOf(message).map((name) => queues.get(name))
  const all = new Set([...there, ...named].filter((q) => q !== undefined))
  return { queues: [...all], effects: route.effects, byKeyOnly: false }
}

/** Many commands per step: no batch is written meanwhile, and there may be a million for one delivery each. */
function* settlingAll(ch: Channel, t: Transaction, acks: boolean): Steps {
  const { clock } = ch.broker
  let left = COMMITTED_PER_STEP
  let end = clock.elapsed() + STEP_MS
  for (const s of t.settles) {
    if ((s.how === 'ack') === acks)
      yield* ch.settlingEach(t.tagsOf(s, ch.unsettled), s.how, t.queuesOf(s, ch.unsettled))
    if (--left > 0 && clock.elapsed() <= end) continue
    yield
    left = COMMITTED_PER_STEP
    end = clock.elapsed() + STEP_MS
  }
}

/** As `delivering` of publish.ts, but never waits for memory and disk: no batch is written until the commit ends. */
function* delivering(ch: Channel, m: InboundMessage, route: Route): Steps<boolean> {
  const outcome: Outcome = { durable: false, refused: false }
  for (let next = 0; ; ) {
    next = startFanOut(route, m, ch.client.clock, outcome, next)
    if (next === recipients(route)) break
    yield
  }
  return published(ch, m, outcome.durable, outcome.refused)
}

/** Waits until a large transaction may be committed. Returns false if it must not be committed any more. */
function* turnOf(ch: Channel, t: Transaction): Steps<boolean> {
  return !t.isLarge || (yield* ch.broker.largeCommits.enter(t.publishes.length > 0, () => ch.closing))
}

/**
 * Applies the transaction. Completed even if the connection is closed meanwhile.
 * @throws AmqpError 406 if a queue rejected a message
 */
function* committing(ch: Channel, t: Transaction): Steps<ServerMethod> {
  // Acknowledgements first: a consumer with new credit takes messages from a full queue.
  yield* settlingAll(ch, t, true)
  let accepted = true
  let copies = 0
  let octets = 0
  for (const p of t.publishes) {
    const route = routeAtCommit(ch, p)
    if (p.mandatory && isUnroutable(route)) returnMessage(ch, p.message)
    else if (!(yield* delivering(ch, p.message, route))) accepted = false
    const each = 1 + recipients(route)
    copies += each + headerOctets(p.message) / HEADER_OCTETS_LIKE_A_COPY
    octets += each * p.message.bodySize
    if (copies < COMMITTED_PER_STEP && octets < COMMITTED_BYTES_PER_STEP) continue
    copies = octets = 0
    yield
  }
  // Deliveries to the channel's own consumers come before commit-ok.
  if (t.publishes.length > 0) ch.broker.turn.pumpNow()
  yield* settlingAll(ch, t, false)
  t.clear()
  if (!accepted) throw preconditionFailed('partial tx completion')
  return { id: MethodId.TxCommitOk }
}

function* inTurn<T>({ broker }: Channel, steps: Steps<T>): Steps<T> {
  try {
    return yield* steps
  } finally {
    broker.largeCommits.leave()
  }
}

export const txMethods = {
  [MethodId.ConfirmSelect](ch, m) {
    if (ch.transaction !== undefined) throw preconditionFailed('cannot switch from tx to confirm mode')
    ch.confirms ??= new Confirms()
    if (!m.nowait) ch.send({ id: MethodId.ConfirmSelectOk })
  },

  [MethodId.TxSelect](ch) {
    if (ch.confirms !== undefined) throw preconditionFailed('cannot switch from confirm to tx mode')
    ch.transaction ??= new Transaction(ch.broker.openTransactions)
    ch.send({ id: MethodId.TxSelectOk })
  },

  [MethodId.TxCommit](ch) {
    const t = transactionOf(ch)
    const steps = t.isLarge ? inTurn(ch, committing(ch, t)) : committing(ch, t)
    ch.client.replyWhenAllDurable(ch, steps, MethodId.TxCommit, turnOf(ch, t))
  },

  /** Acknowledgements are undone too: their deliveries are outstanding again, and not redelivered. */
  [MethodId.TxRollback](ch) {
    transactionOf(ch).clear()
    ch.send({ id: MethodId.TxRollbackOk })
  },
} satisfies Partial<Handlers>
