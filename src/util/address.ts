/** Addresses of sockets. */
import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'

/** An IPv4 address that a socket for both kinds shows as an IPv6 one, as it is usually written. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

/** Who is at the other end: a TLS socket and the one beneath it have that in common. */
export function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** What to listen on for everybody: both kinds of address where the machine has IPv6. */
export function anyAddress(): string {
  const all = Object.values(networkInterfaces()).flat()
  return all.some((i) => i?.family === 'IPv6') ? '::' : '0.0.0.0'
}
