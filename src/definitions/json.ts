/**
 * JSON from clients: limits its depth to what can be read back after it is stored, and makes every string well-formed.
 */
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from '../limits.ts'
import { hasMoreValues } from '../util/json-values.ts'

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
