/** Reads definitions from text: strict JSON, or JSON as people write it. */
import { JSON_PARSED_PER_TURN } from '../limits.ts'
import { LENIENT_BYTES_MAX, readJson } from '../util/lenient-json.ts'
import { parseJson } from './json.ts'
import { readPieces } from './pieces.ts'

/** The byte order mark of UTF-8. */
const MARK = Buffer.from('\uFEFF')

/**
 * Reads definitions as people write them: see util/lenient-json.ts. In long ones, long lists stay text: see pieces.ts.
 * @throws SyntaxError, RangeError as parseJson
 */
export async function readDefinitions(bytes: Buffer): Promise<unknown> {
  const own = bytes.subarray(0, MARK.length).equals(MARK) ? bytes.subarray(MARK.length) : bytes
  if (own.length > JSON_PARSED_PER_TURN)
    try {
      return await readPieces(own)
    } catch (error) {
      if (!(error instanceof SyntaxError) || own.length > LENIENT_BYTES_MAX) throw error
    }
  const plain = own.toString()
  try {
    return parseJson(plain)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return parseJson(JSON.stringify(await readJson(plain)))
  }
}
