/** Sockets that listen, as they really do. */
import type { AddressInfo, Server } from 'node:net'

export interface Listening {
  /** RabbitMQ's names. */
  readonly protocol: 'amqp' | 'amqp/ssl' | 'http' | 'https' | 'http/prometheus' | 'https/prometheus'
  /** `::` stands for IPv4 too. */
  readonly address: string
  readonly port: number
}

export function listeningAt(protocol: Listening['protocol'], server: Server): Listening {
  const { address, port } = server.address() as AddressInfo
  return { protocol, address, port }
}

const SCHEMES = { amqp: 'amqp', 'amqp/ssl': 'amqps', http: 'http', https: 'https' } as const

/** As an address that a client could be given, but for an address that stands for all. */
export function urlOf({ protocol, address, port }: Listening, path: string): string {
  const scheme = SCHEMES[protocol.replace('/prometheus', '') as keyof typeof SCHEMES]
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}${path}`
}

/** One line with all of them; what is spoken there is named where its scheme does not say. */
export function listeningText(all: readonly Listening[], paths: { http: string; metrics: string }): string {
  return all
    .map((l) => {
      if (l.protocol.endsWith('/prometheus')) return `metrics ${urlOf(l, paths.metrics)}`
      return l.protocol.startsWith('http') ? `management ${urlOf(l, paths.http)}` : urlOf(l, '')
    })
    .join(', ')
}
