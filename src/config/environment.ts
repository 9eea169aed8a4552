/** Reads the environment variables of RabbitMQ and of its container images. */
import { isUtf8 } from 'node:buffer'
import { existsSync } from 'node:fs'
import { readRegularFile } from '../util/regular-file.ts'
import { ConfigError, type Entry, ERLANG_TERMS } from './parse.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The key that each variable sets. */
const variables: Readonly<Record<string, string>> = {
  RABBITMQ_DEFAULT_USER: 'default_user',
  RABBITMQ_DEFAULT_PASS: 'default_pass',
  RABBITMQ_DEFAULT_VHOST: 'default_vhost',
  RABBITMQ_NODE_PORT: 'listeners.tcp.default',
  RABBITMQ_VM_MEMORY_HIGH_WATERMARK: 'vm_memory_high_watermark.relative',
  RABBITMQ_PRODUCT_NAME: 'product.name',
  RABBITMQ_PRODUCT_VERSION: 'product.version',
  RABBITMQ_MOTD_FILE: 'motd_file',
}

/** Variables whose value may be in a file named by VARIABLE_FILE, such as a Docker or Kubernetes secret. */
const fromFiles = ['RABBITMQ_DEFAULT_USER', 'RABBITMQ_DEFAULT_PASS', 'RABBITMQ_DEFAULT_VHOST']

const AMQP_PORT = 5672

/** Maximum size in bytes of a file named by a variable. */
const FILE_BYTES_MAX = 1_048_576

/** Maximum length of a value after substitution: a few lines of `$(NAME)` could expand to more than the memory. */
const VALUE_LENGTH_MAX = 1_048_576

/** Maximum nesting depth of `$(NAME)`. */
const SUBSTITUTIONS_DEEP_MAX = 100

/**
 * Variables that have an effect in RabbitMQ or one of its container images, but not here. Other
 * variables with this prefix are not reported: Kubernetes sets such variables for a service named rabbitmq.
 */
const withoutEffect: readonly string[] = [
  ...[
    'CTL_ERL_ARGS',
    'DIST_PORT',
    'ENABLED_PLUGINS',
    'ENABLED_PLUGINS_FILE',
    'ERLANG_COOKIE',
    'FEATURE_FLAGS',
  ],
  ...['IO_THREAD_POOL_SIZE', 'LOG', 'LOG_BASE', 'LOGS', 'MNESIA_BASE', 'MNESIA_DIR', 'NODENAME', 'PID_FILE'],
  ...['PLUGINS_DIR', 'SERVER_ADDITIONAL_ERL_ARGS', 'SERVER_ERL_ARGS', 'SERVER_START_ARGS', 'USE_LONGNAME'],
  ...['DEFAULT_PERMISSIONS', 'DEFAULT_USER_TAGS', 'HIPE_COMPILE'],
  // Bitnami's image.
  ...[
    'CLUSTER_NODE_NAME',
    'COMMUNITY_PLUGINS',
    'DEFINITIONS_FILE',
    'DISK_FREE_ABSOLUTE_LIMIT',
    'DISK_FREE_LIMIT',
  ],
  ...['ENABLE_LDAP', 'ERL_COOKIE', 'HASHED_PASSWORD', 'LOAD_DEFINITIONS', 'MANAGEMENT_BIND_IP'],
  ...['MANAGEMENT_PORT_NUMBER', 'NODE_NAME', 'NODE_PORT_NUMBER', 'NODE_TYPE', 'PASSWORD', 'PASSWORD_FILE'],
  ...['PLUGINS', 'SECURE_PASSWORD', 'USERNAME', 'VHOST', 'VHOSTS'],
].map((name) => `RABBITMQ_${name}`)

const tls = /^RABBITMQ_(MANAGEMENT_)?SSL_/

/** The key to set instead of a variable, if there is one. */
const instead: Readonly<Record<string, string>> = {
  RABBITMQ_DEFINITIONS_FILE: 'load_definitions',
  RABBITMQ_DISK_FREE_ABSOLUTE_LIMIT: 'disk_free_limit.absolute',
  RABBITMQ_DISK_FREE_LIMIT: 'disk_free_limit.relative',
  RABBITMQ_LOAD_DEFINITIONS: 'load_definitions',
  RABBITMQ_LOG: 'log.console.level',
  RABBITMQ_LOGS: 'log.file',
  RABBITMQ_MANAGEMENT_BIND_IP: 'management.tcp.ip',
  RABBITMQ_MANAGEMENT_PORT_NUMBER: 'management.tcp.port',
  RABBITMQ_MNESIA_BASE: '--data-dir',
  RABBITMQ_MNESIA_DIR: '--data-dir',
  RABBITMQ_NODE_PORT_NUMBER: 'RABBITMQ_NODE_PORT',
  RABBITMQ_PASSWORD: 'RABBITMQ_DEFAULT_PASS',
  RABBITMQ_PASSWORD_FILE: 'RABBITMQ_DEFAULT_PASS_FILE',
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: 'the keys of rabbitmq.conf',
  RABBITMQ_USERNAME: 'RABBITMQ_DEFAULT_USER',
  RABBITMQ_VHOST: 'RABBITMQ_DEFAULT_VHOST',
}

/** Returns the configuration entries that the environment sets. @throws ConfigError */
export function environmentEntries(environment: Environment): Entry[] {
  const entries: Entry[] = []
  for (const [name, key] of Object.entries(variables)) {
    const value = environment[name]
    if (value !== undefined && value !== '') entries.push({ key, value, origin: `environment ${name}` })
  }
  for (const name of fromFiles) {
    const file = environment[`${name}_FILE`]
    if (file === undefined || file === '') continue
    const origin = `environment ${name}_FILE`
    if ((environment[name] ?? '') !== '')
      throw new ConfigError(`${origin}: ${name} is also set; set only one of them`)
    entries.push({ key: variables[name] as string, value: lineOf(file, origin), origin })
  }
  const address = environment['RABBITMQ_NODE_IP_ADDRESS']
  if (address !== undefined && address !== '') {
    const port = environment['RABBITMQ_NODE_PORT'] || AMQP_PORT
    const origin = 'environment RABBITMQ_NODE_IP_ADDRESS'
    entries.push({ key: 'listeners.tcp.default', value: `${address}:${port}`, origin })
  }
  return entries
}

function contents(file: string, origin: string): Buffer {
  try {
    return readRegularFile(file, FILE_BYTES_MAX)
  } catch (error) {
    throw new ConfigError(`${origin}: cannot read ${file}: ${(error as Error).message}`)
  }
}

/**
 * Reads a value from a file with a single line of UTF-8. Anything else is refused: a truncated value, or one with
 * replacement characters, would be a password with which nobody can log in. @throws ConfigError
 */
function lineOf(file: string, origin: string): string {
  const octets = contents(file, origin)
  if (!isUtf8(octets)) throw new ConfigError(`${origin}: ${file} is not UTF-8`)
  const text = octets
    .toString()
    .replace(/^\uFEFF/, '')
    .replace(/\r?\n$/, '')
  if (/[\r\n\0]/.test(text)) throw new ConfigError(`${origin}: ${file} has more than one line of text`)
  return text
}

/** Returns the variables that are set but have no effect; their origin says what to set instead. */
export function ignoredVariables(environment: Environment): Entry[] {
  return Object.entries(environment)
    .filter(
      ([name, value]) =>
        value !== undefined && value !== '' && (withoutEffect.includes(name) || tls.test(name)),
    )
    .map(([name, value]) => {
      const key = instead[name] ?? (tls.test(name) ? 'ssl_options and listeners.ssl' : undefined)
      return {
        key: name,
        value: value as string,
        origin: key === undefined ? 'environment' : `environment; set ${key}`,
      }
    })
}

/**
 * Refuses a non-empty file of Erlang terms (RABBITMQ_ADVANCED_CONFIG_FILE): it may contain access restrictions, so it
 * must not be ignored.
 * @throws ConfigError
 */
export function refuseErlangTerms(environment: Environment): void {
  const file = environment['RABBITMQ_ADVANCED_CONFIG_FILE']
  if (file === undefined || file === '') return
  const path = existsSync(file) ? file : `${file}.config`
  if (!existsSync(path)) return
  const origin = 'environment RABBITMQ_ADVANCED_CONFIG_FILE'
  const terms = contents(path, origin)
    .toString()
    .replace(/^\uFEFF/, '')
    .replace(/%.*$/gm, '')
    .replace(/\s/g, '')
  if (terms !== '' && terms !== '[].') throw new ConfigError(`${origin}: ${path}: ${ERLANG_TERMS}`)
}

/** Replaces `$(NAME)` in values by the value of another key or of an environment variable, as RabbitMQ does. */
export function substituted(entries: readonly Entry[], environment: Environment): Entry[] {
  const values = new Map(entries.map((e) => [e.key, e.value]))
  const known = new Map<string, string>()
  return entries.map((e) => ({ ...e, value: replaced(e.value, e, { values, known, environment }, [e.key]) }))
}

interface Substitution {
  readonly values: ReadonlyMap<string, string>
  /** Expanded values by key: without this cache, lines that each name the next one twice take exponential time. */
  readonly known: Map<string, string>
  readonly environment: Environment
}

/** Expands one value. @param path the keys being expanded, to detect cycles. @throws ConfigError */
function replaced(value: string, entry: Entry, s: Substitution, path: readonly string[]): string {
  const wrong = (text: string): ConfigError => new ConfigError(`${entry.origin}: ${entry.key}: ${text}`)
  let { length } = value
  return value.replace(/\$\(([^()]+)\)/g, (_, written: string) => {
    const name = written.trim()
    if (path.includes(name)) throw wrong(`$(${name}) refers to itself`)
    if (path.length > SUBSTITUTIONS_DEEP_MAX) throw wrong(`$(${name}) is nested too deeply`)
    const key = s.values.get(name)
    const part =
      key !== undefined
        ? (s.known.get(name) ?? replaced(key, entry, s, [...path, name]))
        : Object.hasOwn(s.environment, name)
          ? s.environment[name]
          : undefined
    if (part === undefined) throw wrong(`$(${name}) is neither a key nor an environment variable`)
    if (key !== undefined) s.known.set(name, part)
    length += part.length
    if (length > VALUE_LENGTH_MAX)
      throw wrong(`more than ${VALUE_LENGTH_MAX} characters after substituting $(${name})`)
    return part
  })
}
