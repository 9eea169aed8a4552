/** Validates the options of `createBroker`: an invalid option is an error that names it, and is never reinterpreted. */
import { defaultSettings } from '../config/default-settings.ts'
import type { Settings, UserOptions } from '../config/settings.ts'
import { defaultLimits, type NodeLimits } from '../connection/admission.ts'
import { CONTENT_BYTES_MAX } from '../limits.ts'
import type { Logger } from '../util/logger.ts'
import { nearest } from '../util/nearest.ts'
import { fitsShortString } from '../util/octet-text.ts'
import { patternError } from '../util/pattern.ts'

export interface BrokerOptions {
  /** TCP port; 0 = any free port. Default 5672. */
  readonly port?: number
  /** Port of the HTTP API; 0 = any free port. Default: no HTTP API. */
  readonly managementPort?: number
  /** Port of the Prometheus metrics; 0 = any free port. Default: none. */
  readonly metricsPort?: number
  /** Address to listen on. Default 127.0.0.1, since an embedded broker is usually private to the machine. */
  readonly bind?: string
  /**
   * `memory`: nothing is persisted. `lmdb`: durable queues are stored in `dataDir`. Default: `lmdb` with a `dataDir`,
   * else `memory`.
   */
  readonly storage?: 'memory' | 'lmdb'
  /** The folder of the `lmdb` store; created if it does not exist. */
  readonly dataDir?: string
  /** Octets of messages kept in memory; with `lmdb` the rest is paged out to disk. Default 16 MiB. */
  readonly messageMemory?: number
  /** Maximum size of a message body in octets. Default 16 MiB; 128 MiB if a version before 4.0 is announced. */
  readonly maxMessageSize?: number
  /** Limits of connections and consumers; a limit that is not given has its default. */
  readonly limits?: Partial<NodeLimits>
  /** Memory use in octets at which publishers are blocked. Default: never. */
  readonly memoryLimit?: number
  /** Free disk space in octets below which publishers are blocked. Default: never. */
  readonly diskFreeLimit?: number
  /** Interval in ms at which the counters are sampled to compute the rates of the HTTP API. Default 5000. */
  readonly statisticsInterval?: number
  /** Virtual hosts besides `/`. */
  readonly vhosts?: readonly string[]
  /** Default: guest with password guest, who may log in from this machine only. Empty = no users. */
  readonly users?: readonly UserOptions[]
  /** The broker's log; a pino logger can be used. Default: no log. */
  readonly logger?: Logger
  /** The server properties sent to clients. Default: RabbitMQ 4.2.4, which client libraries adapt to. */
  readonly product?: string
  readonly productVersion?: string
}

/** Names the invalid option: `limits.connections`, `users[0].password`. */
export class OptionError extends TypeError {
  override readonly name = 'TypeError'
  readonly code = 'INVALID_OPTION'
  readonly option: string

  constructor(option: string, message: string) {
    super(message)
    this.option = option
  }
}

export type Check = (value: unknown, option: string) => void

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value)
  if (value === null || typeof value !== 'object') return String(value)
  return Array.isArray(value) ? 'an array' : 'an object'
}

export function wrong(option: string, wanted: string, value: unknown): OptionError {
  return new OptionError(option, `option '${option}' must be ${wanted}, not ${shown(value)}`)
}

const PORT_MAX = 65_535

const port: Check = (v, o) => {
  if (!Number.isInteger(v) || (v as number) < 0 || (v as number) > PORT_MAX)
    throw wrong(o, `a whole number from 0 to ${PORT_MAX}`, v)
}

/** @param max Infinity allows "no limit" */
function wholeNumber(unit: string, min: number, max = Number.POSITIVE_INFINITY): Check {
  return (v, o) => {
    const isWhole = Number.isSafeInteger(v) || (v === Number.POSITIVE_INFINITY && max === v)
    if (!isWhole || (v as number) < min || (v as number) > max)
      throw wrong(
        o,
        `a whole number of ${unit}, at least ${min}${max < Number.POSITIVE_INFINITY ? ` and at most ${max}` : ''}`,
        v,
      )
  }
}

export const text: Check = (v, o) => {
  if (typeof v !== 'string' || v === '') throw wrong(o, 'a text that is not empty', v)
}

/** A string that fits into an AMQP short string. */
const name: Check = (v, o) => {
  text(v, o)
  if (!fitsShortString(v as string)) throw wrong(o, 'a text of at most 255 octets', v)
}

function oneOf(...values: readonly string[]): Check {
  return (v, o) => {
    if (!values.includes(v as string)) throw wrong(o, values.map((x) => `'${x}'`).join(' or '), v)
  }
}

const pattern: Check = (v, o) => {
  if (typeof v !== 'string') throw wrong(o, 'a regular expression in a string', v)
  const error = patternError(v)
  if (error !== undefined) throw new OptionError(o, `option '${o}': ${error.message}`)
}

function listOf(each: Check): Check {
  return (v, o) => {
    if (!Array.isArray(v)) throw wrong(o, 'an array', v)
    for (const [i, e] of v.entries()) each(e, `${o}[${i}]`)
  }
}

/** Checks the members of an object; undefined ones count as absent. */
export function objectOf(checks: { readonly [key: string]: Check }, required: readonly string[] = []): Check {
  return (v, o) => {
    if (v === null || typeof v !== 'object' || Array.isArray(v)) throw wrong(o, 'an object', v)
    const path = (key: string): string => (o === 'options' ? key : `${o}.${key}`)
    for (const key of required)
      if ((v as Record<string, unknown>)[key] === undefined)
        throw new OptionError(path(key), `option '${path(key)}' is missing`)
    for (const [key, value] of Object.entries(v)) {
      const check = Object.hasOwn(checks, key) ? checks[key] : undefined
      if (check === undefined) throw unknown(path(key), key, Object.keys(checks))
      if (value !== undefined) check(value, path(key))
    }
  }
}

function unknown(option: string, key: string, known: readonly string[]): OptionError {
  const near = nearest(key, known)
  const hint = near === undefined ? `there are ${known.join(', ')}` : `did you mean '${near}'?`
  return new OptionError(option, `unknown option '${option}'; ${hint}`)
}

export const checkVhostName = name

const permission = objectOf({ configure: pattern, write: pattern, read: pattern }, [
  'configure',
  'write',
  'read',
])

const permissions: Check = (v, o) => {
  if (v === null || typeof v !== 'object' || Array.isArray(v))
    throw wrong(o, 'an object with a vhost for each key', v)
  for (const [vhost, p] of Object.entries(v)) permission(p, `${o}[${JSON.stringify(vhost)}]`)
}

export const checkUser = objectOf({ name, password: text, permissions, tags: listOf(text) }, [
  'name',
  'password',
])

const users: Check = (v, o) => {
  listOf(checkUser)(v, o)
  const seen = new Set<string>()
  for (const [i, u] of (v as UserOptions[]).entries()) {
    if (seen.has(u.name))
      throw new OptionError(`${o}[${i}].name`, `option '${o}[${i}].name': there are two users '${u.name}'`)
    seen.add(u.name)
  }
}

const logger: Check = (v, o) => {
  if (v === null || (typeof v !== 'object' && typeof v !== 'function'))
    throw wrong(o, 'a logger such as pino', v)
  for (const level of ['debug', 'info', 'warn', 'error'])
    if (typeof (v as Record<string, unknown>)[level] !== 'function')
      throw new OptionError(
        `${o}.${level}`,
        `option '${o}.${level}' must be a function: the logger needs debug, info, warn and error`,
      )
}

const count = wholeNumber('things', 0)

const limits: { readonly [K in keyof NodeLimits]-?: Check } = {
  connections: count,
  unauthenticated: wholeNumber('connections', 1),
  handshakeMs: wholeNumber('ms', 1),
  sendTimeoutMs: wholeNumber('ms', 0),
  consumersPerChannel: count,
  channels: count,
  initialFrameMax: wholeNumber('octets', 4096),
  transactionBytes: wholeNumber('octets', 0),
}

const options: { readonly [K in keyof BrokerOptions]-?: Check } = {
  port,
  managementPort: port,
  metricsPort: port,
  bind: text,
  storage: oneOf('memory', 'lmdb'),
  dataDir: text,
  messageMemory: wholeNumber('octets', 0),
  maxMessageSize: wholeNumber('octets', 1, CONTENT_BYTES_MAX),
  limits: objectOf(limits),
  memoryLimit: wholeNumber('octets', 0),
  diskFreeLimit: wholeNumber('octets', 0, Number.MAX_SAFE_INTEGER),
  statisticsInterval: wholeNumber('ms', 1, 2 ** 31 - 1),
  vhosts: listOf(name),
  users,
  logger,
  product: text,
  productVersion: text,
}

/** @throws OptionError */
export function checkOptions(given: unknown): asserts given is BrokerOptions {
  objectOf(options)(given, 'options')
  const { storage, dataDir } = given as BrokerOptions
  if (storage === 'lmdb' && dataDir === undefined)
    throw new OptionError('dataDir', "option 'dataDir' is missing: storage 'lmdb' needs a folder")
  if (storage === 'memory' && dataDir !== undefined)
    throw new OptionError(
      'storage',
      "option 'storage' is 'memory', which keeps nothing in a 'dataDir'; leave one of them out",
    )
}

/** Converts the options to the broker's settings. */
export function settingsOf(o: BrokerOptions): Settings {
  const { product, productVersion, users: given, dataDir } = o
  const bind = o.bind ?? '127.0.0.1'
  const d = defaultSettings
  const at = (p: number | undefined) => (p === undefined ? [] : [{ port: p, bind }])
  return {
    ...d,
    listeners: at(o.port ?? 5672),
    management: at(o.managementPort),
    metrics: at(o.metricsPort),
    storage: o.storage ?? (dataDir === undefined ? 'memory' : 'lmdb'),
    dataDir,
    messageMemory: o.messageMemory ?? d.messageMemory,
    maxMessageSize: o.maxMessageSize ?? d.maxMessageSize,
    limits: { ...defaultLimits, ...withoutUndefined(o.limits ?? {}) },
    memoryLimit: o.memoryLimit ?? d.memoryLimit,
    diskFreeLimit: o.diskFreeLimit ?? d.diskFreeLimit,
    statisticsInterval: o.statisticsInterval ?? d.statisticsInterval,
    vhosts: o.vhosts ?? [],
    users: given,
    loopbackUsers: given === undefined ? ['guest'] : [],
    identity: withoutUndefined({ product, version: productVersion }),
  }
}

function withoutUndefined<T extends object>(o: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
