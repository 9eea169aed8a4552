/** SASL mechanisms: what a client's response says (behaviour.md section 3). */
import { FieldTable } from '../protocol/field-table.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** In the order in which they are offered. */
export const mechanisms = ['PLAIN', 'AMQPLAIN'] as const

/** `'malformed'` where the response is not what the mechanism prescribes. */
export type Reading = Credentials | 'malformed' | 'unknown-mechanism'

export function readResponse(mechanism: string, response: Buffer): Reading {
  switch (mechanism) {
    case 'PLAIN':
      return plain(response)
    case 'AMQPLAIN':
      return amqplain(response)
    default:
      return 'unknown-mechanism'
  }
}

/** NUL user NUL password; an authorization identity in front is a protocol error. */
function plain(response: Buffer): Reading {
  const parts = response.toString('utf8').split('\0')
  if (parts.length !== 3 || parts[0] !== '') return 'malformed'
  return { user: parts[1] as string, password: parts[2] as string }
}

/** The body of a field table, without its length, with LOGIN and PASSWORD. */
function amqplain(response: Buffer): Reading {
  const t = FieldTable.decode(Buffer.from(response))
  const user = t.text('LOGIN')
  const password = t.text('PASSWORD')
  return user === undefined || password === undefined ? 'malformed' : { user, password }
}
