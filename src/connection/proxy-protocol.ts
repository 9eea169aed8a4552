/**
 * The PROXY protocol, versions 1 and 2: a load balancer announces the client's address. Only balancers at trusted
 * addresses are believed, and they must send the header.
 */

import { BlockList, isIP } from 'node:net'
import { plainAddress } from '../util/address.ts'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED_BYTES = 16
/** Longest header of version 1. */
const V1_BYTES_MAX = 107
/** Maximum size of addresses and extensions in version 2. */
const V2_REST_MAX = 4096
const PROXY_COMMAND = 1
const PORT_MAX = 65_535

export interface ProxyPeer {
  readonly address: string
  readonly port: number
}

/** Makes a test for addresses and networks such as 10.0.0.0/8. @throws Error for anything else */
export function trustedList(addresses: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const a of addresses) {
    const [net = '', bits] = a.split('/')
    const version = isIP(net)
    if (version === 0) throw new Error(`expected an address or a network, found '${a}'`)
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(net, family)
    else list.addSubnet(net, Number(bits), family)
  }
  return (address) => {
    const plain = plainAddress(address)
    const version = isIP(plain)
    return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6')
  }
}

export type ProxyReading =
  | 'more'
  | 'wrong'
  /** `peer` is undefined if the balancer connects for itself, such as for a health check. */
  | { readonly peer: ProxyPeer | undefined; readonly size: number }

/** Parses the header at the beginning of the input. */
export function readProxyHeader(b: Buffer): ProxyReading {
  const common = Math.min(b.length, SIGNATURE.length)
  if (b.subarray(0, common).equals(SIGNATURE.subarray(0, common)))
    return b.length < V2_FIXED_BYTES ? 'more' : readV2(b)
  return readV1(b)
}

/** Makes a header of version 2 for a client, to be sent before its octets. */
export function writeProxyHeader({ address, port }: ProxyPeer): Buffer {
  const version = isIP(address)
  const addressBytes = version === 6 ? 16 : 4
  const b = Buffer.alloc(V2_FIXED_BYTES + 2 * addressBytes + 4)
  SIGNATURE.copy(b)
  b[12] = (2 << 4) | PROXY_COMMAND
  b[13] = version === 6 ? 0x21 : 0x11
  b.writeUInt16BE(b.length - V2_FIXED_BYTES, 14)
  addressOctets(address).copy(b, V2_FIXED_BYTES)
  b.writeUInt16BE(port, V2_FIXED_BYTES + 2 * addressBytes)
  return b
}

function addressOctets(address: string): Buffer {
  if (isIP(address) !== 6) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const words = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((w) => {
          if (!w.includes('.')) return [Number.parseInt(w, 16)]
          const [a = 0, b = 0, c = 0, d = 0] = w.split('.').map(Number)
          return [(a << 8) | b, (c << 8) | d]
        })
  const [before, after] = [words(head), tail === undefined ? [] : words(tail)]
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
  const out = Buffer.alloc(16)
  all.forEach((w, i) => {
    out.writeUInt16BE(w, 2 * i)
  })
  return out
}

function readV1(b: Buffer): ProxyReading {
  const start = 'PROXY '
  const text = b.toString('latin1', 0, V1_BYTES_MAX)
  if (!text.startsWith(start.slice(0, text.length))) return 'wrong'
  const end = text.indexOf('\r\n')
  if (end < 0) return b.length < V1_BYTES_MAX ? 'more' : 'wrong'
  const [, protocol, source = '', , port = ''] = text.slice(0, end).split(' ')
  if (protocol === 'UNKNOWN') return { peer: undefined, size: end + 2 }
  const version = protocol === 'TCP4' ? 4 : protocol === 'TCP6' ? 6 : 0
  if (version === 0 || isIP(source) !== version || !isPort(port)) return 'wrong'
  return { peer: { address: canonical(source), port: Number(port) }, size: end + 2 }
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= PORT_MAX
}

function readV2(b: Buffer): ProxyReading {
  const versionAndCommand = b[12] as number
  const family = (b[13] as number) >> 4
  const rest = b.readUInt16BE(14)
  if (versionAndCommand >> 4 !== 2 || rest > V2_REST_MAX) return 'wrong'
  const size = V2_FIXED_BYTES + rest
  if (b.length < size) return 'more'
  if ((versionAndCommand & 15) !== PROXY_COMMAND || family === 0) return { peer: undefined, size }
  const addressBytes = family === 1 ? 4 : family === 2 ? 16 : 0
  if (addressBytes === 0 || rest < 2 * addressBytes + 4) return 'wrong'
  const source = b.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + addressBytes)
  const port = b.readUInt16BE(V2_FIXED_BYTES + 2 * addressBytes)
  const address =
    family === 1
      ? source.join('.')
      : Array.from({ length: 8 }, (_, i) => source.readUInt16BE(2 * i).toString(16)).join(':')
  return { peer: { address: canonical(address), port }, size }
}

/** In the notation of sockets, in which addresses are compared: `::1`, not `0:0:0:0:0:0:0:1`. */
function canonical(address: string): string {
  if (isIP(address) !== 6) return address
  const short = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const mapped = short.match(/^::ffff:([0-9a-f]+):([0-9a-f]+)$/)
  if (mapped === null) return short
  const [high, low] = [mapped[1], mapped[2]].map((word) => Number.parseInt(word as string, 16)) as [
    number,
    number,
  ]
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}
