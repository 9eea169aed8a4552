/** Parses the format of rabbitmq.conf: one `key = value` per line, `#` begins a comment, values may be quoted. */

export const ERLANG_TERMS =
  'Erlang terms (rabbitmq.config, advanced.config) are not read; write the settings as keys of rabbitmq.conf'

export interface Entry {
  readonly key: string
  readonly value: string
  /** Where the key was set, as shown in errors: `rabbitmq.conf:12`, `environment RABBITMQ_DEFAULT_USER`, `--port`. */
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
    // U+FFFD replaces bytes that are not UTF-8: a password that contains it would be a different one.
    if (line.includes('\ufffd')) throw new ConfigError(`${origin}: the line is not UTF-8`)
    entries.push({ key: match[1] as string, value: unquoted(match[2] as string, origin), origin })
  }
  return entries
}

function noEntry(line: string): string {
  return /^(%|\[\s*(\{|$|%|\]\s*\.))/.test(line)
    ? ERLANG_TERMS
    : `expected 'key = value', found '${brief(line)}'`
}

const SHOWN_MAX = 80

/** Shortens text for an error to one printable line: a file taken for a configuration may contain anything. */
export function brief(text: string): string {
  const start = text.slice(0, SHOWN_MAX).replace(/\p{Cc}|\ufffd/gu, '?')
  return text.length > SHOWN_MAX ? `${start}...` : start
}

/** Removes a comment after a value, which begins after a space. Searches backwards: there may be very many spaces. */
function withoutComment(text: string): string {
  for (let at = text.indexOf('#', 1); at >= 0; at = text.indexOf('#', at + 1))
    if (/\s/.test(text[at - 1] as string)) return text.slice(0, at)
  return text
}

function unquoted(text: string, origin: string): string {
  const quoted = /^(['"])(.*?)\1\s*(#.*)?$/.exec(text)
  if (quoted !== null) return quoted[2] as string
  if (/^['"]/.test(text)) throw new ConfigError(`${origin}: a quote is not closed`)
  return withoutComment(text).trim()
}
