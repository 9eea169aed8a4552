/**
 * JSON from clients: limits its depth to what can be read back after it is stored, and makes every string well-formed.
 */
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from '../limits.ts'

/**
 * @throws SyntaxError if the text is not JSON, RangeError if it is nested deeper than `depthMax` or has more than
 * JSON_VALUES_MAX values
 */
export function parseJson(text: string, depthMax = JSON_DEPTH_MAX): unknown {
  if (hasMoreValues(text, JSON_VALUES_MAX)) throw new RangeError(`more than ${JSON_VALUES_MAX} values`)
  const value: unknown = JSON.parse(text)
  if (isDeeper(value, depthMax)) throw new RangeError(`nested deeper than ${JSON_DEPTH_MAX}`)
  return mayHoldSurrogates(text) ? (JSON.parse(wellFormed(JSON.stringify(value))) as unknown) : value
}

function isDeeper(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false
  if (levels === 0) return true
  for (const v of Array.isArray(value) ? value : Object.values(value))
    if (isDeeper(v, levels - 1)) return true
  return false
}

function mayHoldSurrogates(text: string): boolean {
  return text.includes('\\ud') || text.includes('\\uD')
}

/** JSON.stringify escapes a surrogate only if it is unpaired. */
function wellFormed(json: string): string {
  return json.replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === '\\\\' ? found : '\ufffd'))
}

const [QUOTE, BACKSLASH, COMMA, LIST, OBJECT] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b]

/**
 * Reports whether JSON has more values than the maximum. Counts commas and opening brackets, because nested lists and
 * objects need no comma; an empty one counts as two. Much faster than parsing.
 */
export function hasMoreValues(text: string, most: number): boolean {
  if (text.length <= most) return false
  let values = 1
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === QUOTE) at = endOfString(text, at)
    else if ((c === COMMA || c === LIST || c === OBJECT) && ++values > most) return true
  }
  return false
}

/** Returns the position of the quote that ends the string. */
function endOfString(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1)
  if (quote < 0) return text.length
  if (text.charCodeAt(quote - 1) !== BACKSLASH) return quote
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}
