/** What one step of a program is: a method of AMQP on one channel, something else on a connection, or a policy over HTTP. */
import type { FieldValue } from '../../../src/protocol/field-table.ts'
import { MethodId, methodNames } from '../../../src/protocol/generated/constants.ts'
import type { TypedTable } from './typed.ts'

/**
 * Each is a channel: the first two of one connection, the others of another one whose client is not told of cancelled
 * consumers. `mode` is what the channel begins with, again where it had to be opened again.
 */
export const clients = [
  { connection: 0, channel: 1, mode: 'confirm' },
  { connection: 0, channel: 2, mode: 'plain' },
  { connection: 1, channel: 1, mode: 'tx' },
  { connection: 1, channel: 2, mode: 'plain' },
] as const

/** `@` in a name stands for what tells this program's names from others', `$gen` for the queue that the server named last. */
export interface MethodStep {
  readonly client: number
  readonly do: string
  /** Without ids and without what is false, 0 or empty. */
  readonly fields?: { readonly [name: string]: string | number | boolean }
  readonly arguments?: TypedTable
  /** Of basic.publish. */
  readonly content?: Content
  /** Of what settles: which of the deliveries that the client holds; -1 = one that is not there. */
  readonly which?: number
  /** The channel is 0. */
  readonly onConnection?: true
}

export interface Content {
  readonly body: string
  /** Octets; the rest is filled up. */
  readonly size: number
  readonly properties: { readonly [name: string]: string | number }
  readonly headers?: TypedTable
}

export interface PolicyStep {
  readonly do: 'policy' | 'operator policy'
  readonly name: string
  readonly pattern: string
  readonly applyTo: string
  readonly priority: number
  /** Without it the policy is removed. */
  readonly definition?: { readonly [key: string]: string | number | boolean }
}

/** A connection of its own, as far as it gets. */
export interface HandshakeStep {
  readonly do: 'handshake'
  readonly user?: string
  readonly password?: string
  readonly vhost?: string
  readonly mechanism?: string
  readonly channelMax?: number
  readonly frameMax?: number
  /** In place of connection.start-ok, connection.tune-ok or connection.open. */
  readonly instead?: string
}

export type Step =
  | MethodStep
  | PolicyStep
  | HandshakeStep
  /** The socket of the client's connection ends without a word. */
  | { readonly do: 'cut'; readonly client: number }
  /** basic.get until nothing is left. */
  | { readonly do: 'drain'; readonly client: number; readonly queue: string }
  /** What the HTTP API lists. */
  | { readonly do: 'list' }

export const idOf: ReadonlyMap<string, MethodId> = new Map(
  Object.entries(methodNames).map(([id, name]) => [name, Number(id) as MethodId]),
)

/** What a method is answered with, where it is answered and that is not its own name and `-ok`. */
const answers: { readonly [name: string]: readonly MethodId[] } = {
  'basic.get': [MethodId.BasicGetOk, MethodId.BasicGetEmpty],
  'connection.open': [MethodId.ConnectionOpenOk],
}
const unanswered = /-ok$|^basic\.(publish|ack|nack|reject|recover-async)$/

/** Empty where it has no answer. */
export function answersTo(step: MethodStep): readonly MethodId[] {
  if (unanswered.test(step.do) || step.fields?.['nowait'] === true) return []
  const id = idOf.get(`${step.do}-ok`)
  return answers[step.do] ?? (id === undefined ? [] : [id])
}

export function isMethod(step: Step): step is MethodStep {
  return idOf.has(step.do)
}

export type Letter = FieldValue['type']
