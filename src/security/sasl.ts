/** SASL mechanisms: decodes a client's response (behaviour.md section 3). */
import { AmqpError } from '../protocol/errors.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { octetText } from '../util/octet-text.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

export const mechanismNames = ['PLAIN', 'AMQPLAIN', 'EXTERNAL', 'ANONYMOUS'] as const
export type Mechanism = (typeof mechanismNames)[number]

/** In the order in which they are offered. */
export const defaultMechanisms: readonly Mechanism[] = ['PLAIN', 'AMQPLAIN']

/**
 * `'malformed'` if the response does not follow the mechanism; `'mistyped'` if it has name and password, but not as
 * long strings: RabbitMQ replies to the second only.
 */
export type Reading = Credentials | 'malformed' | 'mistyped'

/** Decodes the response of a mechanism with a password. */
export function readResponse(mechanism: 'PLAIN' | 'AMQPLAIN', response: Buffer): Reading {
  return mechanism === 'PLAIN' ? plain(response) : amqplain(response)
}

/** NUL user NUL password; a leading authorization identity is a protocol error. */
function plain(response: Buffer): Reading {
  const parts = octetText(response).split('\0')
  if (parts.length !== 3 || parts[0] !== '') return 'malformed'
  return { user: parts[1] as string, password: parts[2] as string }
}

/** A field table with LOGIN and PASSWORD, without the length prefix. */
function amqplain(response: Buffer): Reading {
  const t = tableOf(response)
  if (t?.get('LOGIN') === undefined || t.get('PASSWORD') === undefined) return 'malformed'
  const user = t.text('LOGIN')
  const password = t.text('PASSWORD')
  return user === undefined || password === undefined ? 'mistyped' : { user, password }
}

function tableOf(octets: Buffer): FieldTable | undefined {
  try {
    return FieldTable.decode(Buffer.from(octets))
  } catch (error) {
    if (error instanceof AmqpError) return undefined
    throw error
  }
}
