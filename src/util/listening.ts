/** The sockets that are actually listening. */
import type { AddressInfo, Server } from 'node:net'

export interface Listening {
  /** RabbitMQ's protocol names. */
  readonly protocol: 'amqp' | 'amqp/ssl' | 'http' | 'https' | 'http/prometheus' | 'https/prometheus'
  /** `::` includes IPv4. */
  readonly address: string
  readonly port: number
}

export function listeningAt(protocol: Listening['protocol'], server: Server): Listening {
  const { address, port } = server.address() as AddressInfo
  return { protocol, address, port }
}

const SCHEMES = { amqp: 'amqp', 'amqp/ssl': 'amqps', http: 'http', https: 'https' } as const

/** A URL that clients can use, except that a wildcard address is kept. */
export function urlOf({ protocol, address, port }: Listening, path: string): string {
  const scheme = SCHEMES[protocol.replace('/prometheus', '') as keyof typeof SCHEMES]
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}${path}`
}

const WILDCARDS = ['::', '0.0.0.0']

/** Replaces a wildcard address by localhost, where the operators' page can be opened on this machine at least. */
function openable(l: Listening): Listening {
  return WILDCARDS.includes(l.address) ? { ...l, address: 'localhost' } : l
}

/** One line that lists all sockets; the service is named unless the URL scheme implies it. */
export function listeningText(all: readonly Listening[], paths: { http: string; metrics: string }): string {
  return all
    .map((l) => {
      if (l.protocol.endsWith('/prometheus')) return `metrics ${urlOf(l, paths.metrics)}`
      return l.protocol.startsWith('http') ? `management ${urlOf(openable(l), paths.http)}` : urlOf(l, '')
    })
    .join(', ')
}
