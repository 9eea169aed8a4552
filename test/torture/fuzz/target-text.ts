/** Texts from outside: the PROXY header, the configuration, URIs, tokens. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { substituted } from '../../../src/config/environment.ts'
import { keys } from '../../../src/config/keys.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { ConfigError, parseConfig } from '../../../src/config/parse.ts'
import { readProxyHeader, writeProxyHeader } from '../../../src/connection/proxy-protocol.ts'
import { OAuth } from '../../../src/security/oauth.ts'
import { parseUri, UriError } from '../../../src/shovel/uri.ts'
import type { Random } from '../random.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { json, lines, octets, pick } from './mutate.ts'
import { same, unless } from './oracle.ts'

const PORT_MAX = 65_535
/** Of both versions. */
const HEADER_BYTES_MAX = 16 + 4096

/** The same header is found whether all of it comes at once or octet by octet, and it never wants more than there can be. */
export function proxyTarget(): FuzzTarget {
  const v1 = [
    'PROXY TCP4 192.0.2.1 192.0.2.2 56324 5672\r\nAMQP',
    'PROXY UNKNOWN\r\n',
    'PROXY TCP6 ::1 ::2 1 2\r\n',
  ]
  const v2 = ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1'].map((address) =>
    writeProxyHeader({ address, port: 80 }),
  )
  return {
    name: 'proxy',
    bytesMax: 5000,
    seeds: [...v1.map((t) => Buffer.from(t)), ...v2, Buffer.alloc(4400)],
    changes: [octets],
    words: [
      'PROXY ',
      'TCP4 ',
      'TCP6 ',
      'UNKNOWN',
      '\r\n',
      '99999',
      '\r\n\r\n\0\r\nQUIT\n',
      '\u0021\u0011',
      ' ',
    ],
    run(input) {
      const reading = readProxyHeader(input)
      same(reading !== 'more' || input.length < HEADER_BYTES_MAX, 'a header has no end')
      if (reading === 'more' || reading === 'wrong') return
      const { size, peer } = reading
      same(size > 0 && size <= input.length, 'a header is longer than its input')
      if (peer !== undefined) same(peer.port >= 0 && peer.port <= PORT_MAX, 'a port is out of range')
      for (const cut of new Set([0, 1, size >> 1, size - 1])) {
        const part = readProxyHeader(input.subarray(0, cut))
        same(part === 'more', 'the beginning of a header is something else')
      }
      const exact = readProxyHeader(input.subarray(0, size))
      same(JSON.stringify(exact) === JSON.stringify(reading), 'a header depends on what follows')
    },
  }
}

const configValues = [
  'true',
  'false',
  '0',
  '1',
  '-1',
  '1e9',
  '4096',
  '10GB',
  '0.4',
  'none',
  'text',
  "'a b'",
  '::1',
]
const moreValues = [
  '127.0.0.1:5672',
  '$(default_user)',
  '$(HOME)',
  '/nonexistent',
  'guest',
  '{"a":1}',
  '*',
  '.*',
  '(((',
]

function configLine(random: Random): string {
  const key = pick(random, Object.keys(keys)).replaceAll('*', () =>
    pick(random, ['1', 'a', 'default', '-', '__proto__']),
  )
  return `${key} = ${pick(random, random(2) === 0 ? configValues : moreValues)}`
}

/** Text becomes settings, or an error that names its line. */
export function configTarget(): FuzzTarget {
  const environment = { HOME: '/root', RABBITMQ_DEFAULT_USER: 'guest' }
  const all = Object.keys(keys).map((k) => `${k.replaceAll('*', '1')} = text\n`)
  const groups = Array.from({ length: Math.ceil(all.length / 8) }, (_, i) =>
    all.slice(i * 8, i * 8 + 8).join(''),
  )
  const singles = Object.keys(keys).flatMap((k) =>
    ['4096', 'true', '127.0.0.1'].map((v) => `${k.replaceAll('*', '1')} = ${v}\n`),
  )
  return {
    name: 'config',
    bytesMax: 3000,
    seeds: [...groups, ...singles].map((t) => Buffer.from(t)),
    changes: [lines(configLine), lines(configLine), octets],
    run(input) {
      const isExpected = (error: unknown): boolean => error instanceof ConfigError
      unless(isExpected, () => {
        const entries = substituted(parseConfig(input.toString(), 'rabbitmq.conf'), environment)
        loadConfig(undefined, environment, entries).draft.settings()
      })
    },
  }
}

/** A URI is an address, or an error in the client's words. */
export function uriTarget(): FuzzTarget {
  const plain = ['amqp://', 'amqps://u:p@host:5671/vhost?heartbeat=5&channel_max=3', 'amqp://[::1]/%2f']
  const options = [
    'amqp://h?auth_mechanism=external&connection_timeout=9',
    'amqps://h?verify=verify_peer&cacertfile=a',
  ]
  return {
    name: 'uri',
    bytesMax: 600,
    seeds: [...plain, ...options].map((t) => Buffer.from(t)),
    changes: [octets],
    run(input) {
      const address = unless(
        (error) => error instanceof UriError,
        () => parseUri(input.toString()),
      )
      if (address === undefined) return
      same(address.port >= 0 && address.port <= PORT_MAX, 'a port is out of range')
      same(!isShown(address, input.toString()), 'a password is shown')
    },
  }
}

/** A password that can be told from everything else: long, and nowhere else in the URI. */
function isShown({ shown, password }: { shown: string; password: string | undefined }, uri: string): boolean {
  const isOwn = password !== undefined && password.length > 12 && uri.split(password).length === 2
  return isOwn && shown.includes(password)
}

/** A token is a user, or nothing; whatever its claims are. Signed here, so that the claims are looked at. */
export async function tokenTarget(): Promise<FuzzTarget> {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-fuzz-'))
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const file = join(folder, 'jwks.json')
  const key = { ...publicKey.export({ format: 'jwk' }), alg: 'EdDSA', kid: 'k' }
  writeFileSync(file, JSON.stringify({ keys: [key] }))
  const settings = { resourceServerId: 'rabbitmq', jwks: file, issuer: undefined, verifyAudience: true }
  const oauth = new OAuth({ ...settings, usernameClaim: 'name', scopesClaim: 'more', scopePrefix: undefined })
  readFileSync(file)
  const head = Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: 'k' })).toString('base64url')
  const claims = [
    { aud: 'rabbitmq', sub: 'ann', scope: 'rabbitmq.read:*/* rabbitmq.tag:administrator', exp: 4e9 },
    { aud: ['a', 'rabbitmq'], client_id: 'c', scope: ['rabbitmq.write:v/x/a*b', 'rabbitmq.configure:%2F/q'] },
    {
      aud: 'rabbitmq',
      name: 'n',
      more: 'rabbitmq.read:a/b/c/d rabbitmq.read:%zz rabbitmq.tag:',
      nbf: 1,
      iat: 2,
    },
  ]
  const names = [
    'aud',
    'sub',
    'scope',
    'exp',
    'nbf',
    'iat',
    'iss',
    'client_id',
    'name',
    'more',
    'crit',
    '__proto__',
  ]
  return {
    name: 'token',
    bytesMax: 2000,
    seeds: [...claims.map((c) => Buffer.from(JSON.stringify(c))), Buffer.from('a.b.c')],
    changes: [json(names)],
    words: ['rabbitmq.', 'read:', 'write:', 'configure:', 'tag:', '*', '/', '%2F', '%zz', ' ', ...names],
    async run(input) {
      const signed = `${head}.${input.toString('base64url')}`
      const token = `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
      const principal = await oauth.verify(input.length % 8 === 7 ? input.toString() : token, '')
      if (principal === undefined) return
      same(
        typeof principal.name === 'string' && principal.tags.every((t) => typeof t === 'string'),
        'an odd user',
      )
      const access = principal.access('/')
      access?.allows('write', 'q')
      access?.allowsTopic('read', 'x', 'a.b')
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
