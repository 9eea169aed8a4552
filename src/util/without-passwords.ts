/** Removes the password from URLs such as `amqp://user:password@host`, for responses and log entries. */

/** User, password and the @ after them; the password ends at the last @ before the path. */
const login = /:\/\/([^\s/?#:@"]*):([^\s/?#"]*)@/g
/** The beginning of a password that was not escaped; excludes ports and the inside of IPv6 addresses. */
const unescaped = /:\/\/([^\s/?#:@"[]*):(?!\d*(?:[/?#,"]|$))/y
/** Query parameters that are secret, such as the password of a key file. */
const parameter = /([?&](?:password|client_secret|access_token)=)[^&\s"#]*/gi

/** Maximum nesting of values that are searched: deeper ones are omitted. */
const DEPTH_MAX = 256

/** A text that contains URLs. */
export function withoutPassword(text: string): string {
  if (!text.includes('://')) return text
  return text
    .replace(login, '://$1@')
    .replace(parameter, '$1')
    .split(/([\s"])/)
    .map(withoutUnescaped)
    .join('')
}

/**
 * If the password contains a slash or the like, everything up to the last @ counts as password. Linear time for any
 * input.
 */
function withoutUnescaped(word: string): string {
  const end = word.lastIndexOf('@')
  for (let at = word.indexOf('://'); at !== -1 && at < end; at = word.indexOf('://', at + 3)) {
    unescaped.lastIndex = at
    const found = unescaped.exec(word)
    if (found !== null && unescaped.lastIndex <= end)
      return `${word.slice(0, at)}://${found[1]}${word.slice(end)}`
  }
  return word
}

/** Removes passwords from all texts in a value, except keys. A value without passwords is returned as it is. */
export function withoutPasswords(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutPassword(value)
  if (value === null || typeof value !== 'object') return value
  if (depth === DEPTH_MAX) return undefined
  if (value instanceof Error) return errorWithout(value)
  if (Array.isArray(value)) return value.map((v) => withoutPasswords(v, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  const out: { [name: string]: unknown } = Object.create(null)
  for (const [name, v] of Object.entries(value)) out[name] = withoutPasswords(v, depth + 1)
  return out
}

function errorWithout(error: Error): unknown {
  const { message, stack = '' } = error
  const shown = { message: withoutPassword(message), stack: withoutPassword(stack) }
  if (shown.message === message && shown.stack === stack) return error
  const { code } = error as NodeJS.ErrnoException
  return { type: error.name, ...shown, ...(code === undefined ? {} : { code }) }
}
