/** Loads the configuration from a file, RabbitMQ's environment variables and the command line; later sources win. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { nearest } from '../util/nearest.ts'
import { readRegularFile } from '../util/regular-file.ts'
import { withoutPassword } from '../util/without-passwords.ts'
import { type Apply, ConfigBuilder } from './config-builder.ts'
import {
  type Environment,
  environmentEntries,
  ignoredVariables,
  refuseErlangTerms,
  substituted,
} from './environment.ts'
import { matchesKey } from './key-pattern.ts'
import { keys } from './keys.ts'
import { brief, ConfigError, type Entry, parseConfig } from './parse.ts'
import { refused } from './refused.ts'
import { withoutEffect } from './without-effect.ts'

/** Octets of a file that is read while clients are served: a larger one is something else. */
const CONFIG_BYTES_MAX = 16 * 1024 * 1024

export interface Loaded {
  readonly draft: ConfigBuilder
  /** The settings in effect, with their origins. */
  readonly entries: readonly Entry[]
  /** Keys that are recognized but have no effect here. */
  readonly ignored: readonly Entry[]
}

/**
 * @param overrides from the command line
 * @param serves whether the process serves clients, who may not wait for a file that does not end
 * @throws ConfigError that names the file, the line and the closest known key
 */
export function loadConfig(
  file: string | undefined,
  environment: Environment,
  overrides: readonly Entry[],
  serves = false,
): Loaded {
  refuseErlangTerms(environment)
  const files = configFiles(file, environment).flatMap((f) => parseConfig(readConfig(f, serves), f))
  const entries = [...substituted(files, environment), ...environmentEntries(environment), ...overrides]
  const draft = new ConfigBuilder()
  const ignored = ignoredVariables(environment)
  const inForce = new Map<string, Entry>()
  for (const e of entries) {
    if (apply(draft, e)) inForce.set(e.key, e)
    else ignored.push(e)
  }
  return { draft, entries: [...inForce.values()], ignored }
}

/** The file named on the command line or in the environment, then those of RABBITMQ_CONFIG_FILES; later files win. */
function configFiles(file: string | undefined, environment: Environment): string[] {
  const named = file ?? environment['RABBITMQ_CONFIG_FILE']
  const more = environment['RABBITMQ_CONFIG_FILES']
  return [
    ...(named === undefined || named === '' ? [] : filesAt(named)),
    ...(more === undefined || more === '' ? [] : filesAt(more)),
  ]
}

/**
 * Resolves a file (with or without its extension `.conf`), a folder (its `*.conf`), or a pattern with `*` in its last
 * part.
 */
function filesAt(path: string): string[] {
  const name = basename(path)
  if (name.includes('*')) {
    const [before = '', after = ''] = name.split('*', 2)
    return confFiles(dirname(path), (f) => f.startsWith(before) && f.endsWith(after))
  }
  if (!existsSync(path)) return [existsSync(`${path}.conf`) ? `${path}.conf` : path]
  return statSync(path).isDirectory() ? confFiles(path, (f) => f.endsWith('.conf')) : [path]
}

function confFiles(dir: string, wanted: (name: string) => boolean): string[] {
  try {
    return readdirSync(dir)
      .filter(wanted)
      .sort()
      .map((f) => join(dir, f))
  } catch (error) {
    throw new ConfigError(`cannot read the configuration folder ${dir}: ${(error as Error).message}`)
  }
}

/** At the start, it may be a pipe from another program, as in `--config <(program)`; it can be read only once. */
function readConfig(file: string, serves: boolean): string {
  try {
    return serves ? readRegularFile(file, CONFIG_BYTES_MAX).toString() : readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${file}: ${(error as Error).message}`)
  }
}

/** Returns false if the key has no effect. @throws ConfigError */
function apply(draft: ConfigBuilder, { key, value, origin }: Entry): boolean {
  const found = setterOf(key)
  if (found === undefined) {
    const reason = refused.find((r) => matchesKey(r.key, key))
    if (reason !== undefined && !reason.harmless.includes(value))
      throw new ConfigError(
        `${origin}: ${key} = ${shown(key, value)} has no effect here and may not be ignored: ${reason.why}`,
      )
    if (reason !== undefined || withoutEffect.some((pattern) => matchesKey(pattern, key))) return false
    const meant = nearest(key, Object.keys(keys))
    const hint = meant === undefined ? '' : `, did you mean '${meant}'?`
    throw new ConfigError(`${origin}: unknown key '${brief(key)}'${hint}`)
  }
  try {
    found.set(draft, value, found.parts)
  } catch (error) {
    throw new ConfigError(`${origin}: ${key}: ${(error as Error).message}`)
  }
  return true
}

/** Keys with wildcards by their first part, so that each of very many lines is compared with few of them. */
const patterns = new Map<
  string,
  { readonly pattern: string; readonly stars: number[]; readonly set: Apply }[]
>()
for (const [pattern, set] of Object.entries(keys)) {
  const parts = pattern.split('.')
  const stars = [...parts.keys()].filter((i) => parts[i] === '*')
  const [first = ''] = parts
  if (stars.length > 0) patterns.set(first, [...(patterns.get(first) ?? []), { pattern, stars, set }])
}

function setterOf(key: string): { set: Apply; parts: readonly string[] } | undefined {
  const exact = Object.hasOwn(keys, key) ? keys[key] : undefined
  if (exact !== undefined) return { set: exact, parts: [] }
  const given = key.split('.')
  const found = patterns.get(given[0] as string)?.find(({ pattern }) => matchesKey(pattern, key))
  return found && { set: found.set, parts: found.stars.map((i) => given[i] as string) }
}

/** Keys that are named like secrets, but have none. Unknown keys of that sort, and environment variables, are masked. */
const plainKeys = ['password_hashing_module', 'auth_oauth2.token_endpoint', 'ssl_options.bypass_pem_cache']

function shown(key: string, value: string): string {
  const secret = /pass|secret|token|private|cookie/i.test(key) && !plainKeys.includes(key)
  return secret ? '********' : withoutPassword(value)
}

/** The settings in effect, with secrets masked. */
export function shownEntries({ entries }: Loaded): { key: string; value: string; origin: string }[] {
  return entries.map(({ key, value, origin }) => ({ key, value: shown(key, value), origin }))
}

export function effectiveText({ entries, ignored }: Loaded): string {
  const show = ({ key, value, origin }: Entry, note = ''): string =>
    `${key} = ${shown(key, value)}  # ${origin}${note}\n`
  return [...entries.map((e) => show(e)), ...ignored.map((e) => show(e, ', no effect here'))].join('')
}
