/** Socket addresses. */
import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'

/** Converts an IPv4-mapped IPv6 address, as a dual-stack socket reports it, to plain IPv4 notation. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

/** The remote address and port, which a TLS socket and its underlying socket have in common. */
export function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** The wildcard address to listen on: both IPv6 and IPv4 if the machine has IPv6. */
export function anyAddress(): string {
  const all = Object.values(networkInterfaces()).flat()
  return all.some((i) => i?.family === 'IPv6') ? '::' : '0.0.0.0'
}
