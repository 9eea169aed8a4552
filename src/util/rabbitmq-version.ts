/**
 * The version of RabbitMQ that is announced to clients, over HTTP, in metrics and by the command line, and what follows
 * from it. docs/compatibility.md has the reasons for this one.
 */
import {
  FRAME_BYTES_MAX_BEFORE_LOGIN,
  FRAME_BYTES_MAX_BEFORE_LOGIN_3,
  MESSAGE_BYTES_MAX,
  MESSAGE_BYTES_MAX_BEFORE_4,
} from '../limits.ts'
import { isOlder } from './version.ts'

export const RABBITMQ_VERSION = '4.2.4'

/** In what releases of RabbitMQ differ, and Leveret with them. */
export interface Semantics {
  /** Declaring an exchange of an unknown type is 406 and closes the channel; before 3.13.3 it is 503 for the connection. */
  readonly unknownTypeClosesChannel: boolean
  /** An x-death that a publisher has written is the history of its message; from 4.0 on it is a header like others. */
  readonly publishedDeathsCount: boolean
  /** Of quorum queues that say nothing; -1 = none, as before 4.0. */
  readonly quorumDeliveryLimit: number
  /** Octets of a message's body where nothing is set. */
  readonly messageBytesMax: number
  /** Octets of a frame before the login where nothing is set. */
  readonly initialFrameMax: number
}

/** Those of the version that is announced; of the default one where the product is another, or the version is unreadable. */
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
