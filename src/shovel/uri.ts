/** AMQP URIs in RabbitMQ's form: `amqp://`, without a host, is the local broker. */

import { isIP } from 'node:net'

export interface AmqpAddress {
  /** For display: without user and password. */
  readonly shown: string
  /** undefined = the broker that runs the shovel. */
  readonly host: string | undefined
  readonly port: number
  readonly tls: AddressTls | undefined
  readonly vhost: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly mechanism: 'PLAIN' | 'AMQPLAIN' | 'EXTERNAL'
  /** In seconds; undefined = 10 */
  readonly heartbeat: number | undefined
  readonly channelMax: number
  /** Timeout in ms for TCP, TLS and the login. */
  readonly timeoutMs: number
}

/** The files are read on connecting. */
export interface AddressTls {
  readonly cacertfile: string | undefined
  readonly certfile: string | undefined
  readonly keyfile: string | undefined
  readonly passphrase: string | undefined
  readonly servername: string | undefined
  readonly rejectUnauthorized: boolean
}

export class UriError extends Error {}

const TIMEOUT_MS = 60_000

/** @throws UriError with RabbitMQ's reason */
export function parseUri(text: string): AmqpAddress {
  const parts = /^([a-z][a-z\d+.-]*):\/\/(?:([^@/?#]*)@)?([^/?#]*)(\/[^?#]*)?(\?[^#]*)?$/is.exec(text)
  if (parts === null) throw new UriError('{unable_to_parse_uri,no_scheme}')
  const [, scheme = '', login, authority = '', path = '', query = ''] = parts
  const secure = scheme.toLowerCase() === 'amqps'
  if (!secure && scheme.toLowerCase() !== 'amqp') throw new UriError(`{unexpected_uri_scheme,"${scheme}"}`)
  const { host, port } = hostOf(authority)
  const [user, password] = loginOf(login)
  const vhost = decoded(path.slice(1))
  if (path.slice(1).includes('/')) throw new UriError(`{invalid_vhost,"${path.slice(1)}"}`)
  const options = new URLSearchParams(query)
  const mechanism = (options.get('auth_mechanism') ?? 'plain').toUpperCase()
  if (mechanism !== 'PLAIN' && mechanism !== 'AMQPLAIN' && mechanism !== 'EXTERNAL')
    throw new UriError(`{unable_to_parse_value,"auth_mechanism"}`)
  return {
    shown: text.replace(/^([^:]+:\/\/)[^@/?#]*@/, '$1').replace(/([?&]password=)[^&]*/gi, '$1'),
    host,
    port: port ?? (secure ? 5671 : 5672),
    tls: secure ? tlsOf(options, host) : undefined,
    vhost: vhost === '' ? '/' : vhost,
    user,
    password,
    mechanism,
    heartbeat: numberOf(options, 'heartbeat'),
    channelMax: numberOf(options, 'channel_max') ?? 0,
    timeoutMs: numberOf(options, 'connection_timeout') ?? TIMEOUT_MS,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new UriError(`{invalid_percent_encoding,"${text}"}`)
  }
}

function hostOf(authority: string): { host: string | undefined; port: number | undefined } {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority)
  if (parts === null) throw new UriError('{unable_to_parse_uri,invalid_port}')
  const [, name = '', digits = ''] = parts
  const port = digits === '' ? undefined : Number(digits)
  if (port !== undefined && port > 65_535) throw new UriError(`{port_out_of_range,${port}}`)
  const host = decoded(name.replace(/^\[|\]$/g, ''))
  return { host: host === '' ? undefined : host, port }
}

function loginOf(login: string | undefined): [user: string | undefined, password: string | undefined] {
  if (login === undefined) return [undefined, undefined]
  const colon = login.indexOf(':')
  if (colon < 0) return [decoded(login), undefined]
  return [decoded(login.slice(0, colon)), decoded(login.slice(colon + 1))]
}

function numberOf(options: URLSearchParams, name: string): number | undefined {
  const text = options.get(name)
  if (text === null) return undefined
  if (!/^\d{1,9}$/.test(text))
    throw new UriError(`{invalid_amqp_params_parameter,${name},"${text}",{not_an_integer,"${text}"}}`)
  return Number(text)
}

function tlsOf(options: URLSearchParams, host: string | undefined): AddressTls {
  const name = options.get('server_name_indication')
  const servername = name ?? (host !== undefined && isIP(host) === 0 ? host : undefined)
  return {
    cacertfile: options.get('cacertfile') ?? undefined,
    certfile: options.get('certfile') ?? undefined,
    keyfile: options.get('keyfile') ?? undefined,
    passphrase: options.get('password') ?? undefined,
    servername: servername === 'disable' ? undefined : servername,
    // Like RabbitMQ's client: certificates are verified only on request.
    rejectUnauthorized: options.get('verify') === 'verify_peer',
  }
}
