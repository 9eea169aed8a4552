/** Addresses of sockets. */
import { networkInterfaces } from 'node:os'

/** An IPv4 address that a socket for both kinds shows as an IPv6 one, as it is usually written. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

/** What to listen on for everybody: both kinds of address where the machine has IPv6. */
export function anyAddress(): string {
  const all = Object.values(networkInterfaces()).flat()
  return all.some((i) => i?.family === 'IPv6') ? '::' : '0.0.0.0'
}
