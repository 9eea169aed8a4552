/** Configuration from its three sources: a file, RabbitMQ's environment variables, the command line; later ones win. */
import { readFileSync } from 'node:fs'
import { Draft } from './draft.ts'
import { keys, withoutEffect } from './keys.ts'
import { ConfigError, type Entry, parseConfig } from './parse.ts'

/** Variables of RabbitMQ's container images, and the keys that they stand for. */
const variables: Readonly<Record<string, string>> = {
  RABBITMQ_DEFAULT_USER: 'default_user',
  RABBITMQ_DEFAULT_PASS: 'default_pass',
  RABBITMQ_DEFAULT_VHOST: 'default_vhost',
  RABBITMQ_NODE_PORT: 'listeners.tcp.default',
  RABBITMQ_VM_MEMORY_HIGH_WATERMARK: 'vm_memory_high_watermark.relative',
}

export interface Loaded {
  readonly draft: Draft
  /** What is in force, with where it comes from. */
  readonly entries: readonly Entry[]
  /** Keys that are known and do nothing here. */
  readonly ignored: readonly Entry[]
}

/**
 * @param overrides from the command line
 * @throws ConfigError that names file and line, and the nearest known key
 */
export function loadConfig(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  overrides: readonly Entry[],
): Loaded {
  const entries: Entry[] = file === undefined ? [] : parseConfig(readConfig(file), file)
  for (const [name, key] of Object.entries(variables)) {
    const value = environment[name]
    if (value !== undefined && value !== '') entries.push({ key, value, origin: `environment ${name}` })
  }
  entries.push(...overrides)
  const draft = new Draft()
  const ignored: Entry[] = []
  const inForce = new Map<string, Entry>()
  for (const e of entries) {
    if (apply(draft, e)) inForce.set(e.key, e)
    else ignored.push(e)
  }
  return { draft, entries: [...inForce.values()], ignored }
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${file}: ${(error as Error).message}`)
  }
}

/** False where the key has no effect. @throws ConfigError */
function apply(draft: Draft, { key, value, origin }: Entry): boolean {
  const exact = keys[key]
  const dot = key.lastIndexOf('.')
  const pattern = exact ?? (dot < 0 ? undefined : keys[`${key.slice(0, dot)}.*`])
  if (pattern === undefined) {
    if (withoutEffect.some((prefix) => key.startsWith(prefix))) return false
    throw new ConfigError(`${origin}: unknown key '${key}', did you mean '${nearest(key)}'?`)
  }
  try {
    pattern(draft, value, key.slice(dot + 1))
  } catch (error) {
    throw new ConfigError(`${origin}: ${key}: ${(error as Error).message}`)
  }
  return true
}

function nearest(key: string): string {
  let best = ''
  let least = Number.POSITIVE_INFINITY
  for (const known of Object.keys(keys)) {
    const d = distance(key, known)
    if (d < least) {
      least = d
      best = known
    }
  }
  return best
}

/** Insertions, removals and replacements from one text to the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}

/** Secrets are not shown. */
export function effectiveText({ entries, ignored }: Loaded): string {
  const show = ({ key, value, origin }: Entry, note = ''): string =>
    `${key} = ${/pass/.test(key) ? '********' : value}  # ${origin}${note}\n`
  return [...entries.map((e) => show(e)), ...ignored.map((e) => show(e, ', no effect here'))].join('')
}
