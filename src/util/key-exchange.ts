/**
 * How keys are exchanged in TLS: over elliptic curves only. With finite fields, the other side chooses the size. A
 * handshake with the largest group of TLS 1.3, which OpenSSL offers unless told otherwise, is 0.15 s of work in one turn,
 * needs no login, and repeats; with a prime of 10,000 bits, which a server may choose before TLS 1.3, it is one second.
 */
import { createSecureContext, DEFAULT_CIPHERS } from 'node:tls'

const CURVES = 'X25519:P-256:X448:P-384:P-521'
/**
 * The same behind the exchange that resists quantum computers, for versions of OpenSSL that have it; and the curves that
 * are left where only approved ones may be used.
 */
const LISTS = [`X25519MLKEM768:${CURVES}`, CURVES, 'P-256:P-384:P-521']

let usable: string | undefined

/** Value of Node's `ecdhCurve`, for servers and clients. */
export function keyExchange(): string {
  usable ??= LISTS.find(has) ?? CURVES
  return usable
}

/** Options of a client, for which the server chooses the prime. @param ciphers an OpenSSL cipher list */
export function clientKeyExchange(ciphers = DEFAULT_CIPHERS): { ciphers: string; ecdhCurve: string } {
  // TLS 1.3 has suites without a key exchange, and a list of these alone has nothing from which one could be removed.
  const isNewest = ciphers.split(':').every((c) => c.startsWith('TLS_'))
  return { ciphers: isNewest ? ciphers : `${ciphers}:!DHE`, ecdhCurve: keyExchange() }
}

function has(ecdhCurve: string): boolean {
  try {
    // Without authorities, whose certificates would otherwise be loaded.
    createSecureContext({ ecdhCurve, ca: [] })
    return true
  } catch {
    return false
  }
}
