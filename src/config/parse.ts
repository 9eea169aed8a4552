/** Parses the format of rabbitmq.conf: one `key = value` per line, `#` begins a comment, values may be quoted. */

export const ERLANG_TERMS =
  'Erlang terms (rabbitmq.config, advanced.config) are not read; write the settings as keys of rabbitmq.conf'

export interface Entry {
  readonly key: string
  readonly value: string
  /** Where it was set, as shown in errors: `rabbitmq.conf:12`, `environment RABBITMQ_DEFAULT_USER`, `--port`. */
  readonly origin: string
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** @param file name to show in errors. @throws ConfigError with file and line */
export function parseConfig(text: string, file: string): Entry[] {
  const entries: Entry[] = []
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const line = (i === 0 ? raw.replace(/^\uFEFF/, '') : raw).trim()
    if (line === '' || line.startsWith('#')) continue
    const origin = `${file}:${i + 1}`
    const match = /^([^\s=#]+)\s*=\s*(.*)$/.exec(line)
    if (match === null) throw new ConfigError(`${origin}: ${noEntry(line)}`)
    entries.push({ key: match[1] as string, value: unquoted(match[2] as string, origin), origin })
  }
  return entries
}

function noEntry(line: string): string {
  return /^(%|\[\s*(\{|$|%|\]\s*\.))/.test(line) ? ERLANG_TERMS : `expected 'key = value', found '${line}'`
}

function unquoted(text: string, origin: string): string {
  const quoted = /^(['"])(.*?)\1\s*(#.*)?$/.exec(text)
  if (quoted !== null) return quoted[2] as string
  if (/^['"]/.test(text)) throw new ConfigError(`${origin}: a quote is not closed`)
  return text.replace(/\s+#.*$/, '').trim()
}
