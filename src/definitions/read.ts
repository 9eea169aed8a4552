/** Reads definitions from text: strict JSON, or the lenient JSON of util/lenient-json.ts. */
import { JSON_PARSED_PER_TURN, LENIENT_BYTES_MAX } from '../limits.ts'
import { asUtf8, readLenient } from '../util/lenient-json.ts'
import { nextTurn } from '../util/timers.ts'
import { parseJson } from './json.ts'
import { readPieces } from './pieces.ts'

/** The byte order mark of UTF-8. */
const MARK = Buffer.from('\uFEFF')

/**
 * Reads definitions as people write them: see util/lenient-json.ts. In long ones, lists stay text: see pieces.ts.
 * @param lenientMax bytes up to which the text may be lenient JSON, which is parsed in one turn
 * @throws SyntaxError, RangeError as parseJson
 */
export async function readDefinitions(bytes: Buffer, lenientMax = LENIENT_BYTES_MAX): Promise<unknown> {
  const own = withoutMark(bytes.length > lenientMax ? bytes : asUtf8(bytes))
  try {
    return own.length > JSON_PARSED_PER_TURN ? await readPieces(own) : parseJson(own.toString())
  } catch (error) {
    if (!(error instanceof SyntaxError) || own.length > lenientMax) throw error
  }
  await nextTurn()
  const read = await readLenient(own.toString())
  await nextTurn()
  return parseJson(JSON.stringify(read))
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, MARK.length).equals(MARK) ? bytes.subarray(MARK.length) : bytes
}
