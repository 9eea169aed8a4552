/** The keys with which tokens are signed, from a file or from an identity provider that may answer anything. */
import { get, type IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'
import type { FetchImplementation, JSONWebKeySet } from 'jose'
import { hasMoreValues } from '../util/json-values.ts'
import { clientKeyExchange } from '../util/key-exchange.ts'
import { readRegularFile } from '../util/regular-file.ts'
import { elapsed } from '../util/timers.ts'
import { JWKS_BYTES_MAX, JWKS_VALUES_MAX } from './login-limits.ts'

/** Minimum ms between two requests for the keys: every token with an unknown key would otherwise cause one. */
const JWKS_PAUSE_MS = 1_000

/** @throws if the file cannot be read */
export function readKeys(file: string): JSONWebKeySet {
  return JSON.parse(checked(readRegularFile(file, JWKS_BYTES_MAX).toString())) as JSONWebKeySet
}

/** Bounds the rate of requests, however many tokens arrive and whatever is answered. */
export function fetchSeldom(): FetchImplementation {
  let askedAt = Number.NEGATIVE_INFINITY
  return async (url, options) => {
    if (elapsed() - askedAt < JWKS_PAUSE_MS) throw new Error('the keys were asked for a moment ago')
    askedAt = elapsed()
    const response = await request(url, options)
    const { statusCode: status = 0 } = response
    // A redirection has no keys; what else it may contain does not matter.
    return new Response(status === 200 ? checked(await textOf(response)) : null, { status })
  }
}

/** Not `fetch`, with which the provider could choose a key exchange that takes a second. Follows no redirection. */
function request(
  url: string,
  { headers, signal }: Parameters<FetchImplementation>[1],
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { headers: Object.fromEntries(headers), signal, agent: false }
    const sent = url.startsWith('https:')
      ? getSecurely(url, { ...options, ...clientKeyExchange() }, resolve)
      : get(url, options, resolve)
    sent.on('error', reject)
    // A change to another protocol ends it without an error.
    sent.once('close', () => reject(new Error('the keys were not answered')))
  })
}

/** Bounds the size of a response, which might otherwise never end. @throws Error */
async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > JWKS_BYTES_MAX) throw new Error(`more than ${JWKS_BYTES_MAX} octets of keys`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

/** Each token is compared with all keys, before anybody has logged in. @throws Error */
function checked(json: string): string {
  if (hasMoreValues(json, JWKS_VALUES_MAX)) throw new Error(`more than ${JWKS_VALUES_MAX} values in the keys`)
  return json
}
