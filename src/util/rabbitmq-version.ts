/**
 * The version of RabbitMQ that is reported to clients, over HTTP, in metrics and by the command line, and what depends
 * on it. For the reasons for this version see docs/compatibility.md.
 */
import {
  FRAME_BYTES_MAX_BEFORE_LOGIN,
  FRAME_BYTES_MAX_BEFORE_LOGIN_3,
  MESSAGE_BYTES_MAX,
  MESSAGE_BYTES_MAX_BEFORE_4,
} from '../limits.ts'
import { isOlder } from './version.ts'

export const RABBITMQ_VERSION = '4.2.4'

/** Behaviour that differs between releases of RabbitMQ, and that Leveret adapts accordingly. */
export interface Semantics {
  /** Declaring an exchange of an unknown type is a 406 channel error; before 3.13.3 it is a 503 connection error. */
  readonly unknownTypeClosesChannel: boolean
  /** An x-death header set by the publisher counts as the message's history; from 4.0 on it is an ordinary header. */
  readonly publishedDeathsCount: boolean
  /** Delivery limit of quorum queues that do not set one; -1 = none, as before 4.0. */
  readonly quorumDeliveryLimit: number
  /** Default maximum size of a message body in octets. */
  readonly messageBytesMax: number
  /** Default maximum frame size before the login, in octets. */
  readonly initialFrameMax: number
}

/** The semantics of the reported version; those of the default version for another product or an unreadable version. */
export function semanticsOf(announced: { readonly product?: string; readonly version?: string }): Semantics {
  const { product = 'RabbitMQ', version = RABBITMQ_VERSION } = announced
  const parts = product === 'RabbitMQ' ? numbersOf(version) : undefined
  const given =
    parts === undefined || (parts[0] as number) < 3 ? (numbersOf(RABBITMQ_VERSION) as number[]) : parts
  const from = (...first: number[]): boolean => !isOlder(given, first)
  return {
    unknownTypeClosesChannel: from(3, 13, 3),
    publishedDeathsCount: !from(4, 0),
    quorumDeliveryLimit: from(4, 0) ? 20 : -1,
    messageBytesMax: from(4, 0) ? MESSAGE_BYTES_MAX : MESSAGE_BYTES_MAX_BEFORE_4,
    initialFrameMax: from(4, 1) ? FRAME_BYTES_MAX_BEFORE_LOGIN : FRAME_BYTES_MAX_BEFORE_LOGIN_3,
  }
}

function numbersOf(version: string): number[] | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
}

export const defaultSemantics = semanticsOf({})
