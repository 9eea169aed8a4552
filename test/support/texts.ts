/** Texts of all characters: fast-check's own of unit `binary` first make a table of a million of them, a second in each file. */
import fc from 'fast-check'

const range = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max })

/** Those of one to four octets of UTF-8; half of a surrogate pair is none. */
const codePoint = fc.oneof(
  range(0, 0x7f),
  range(0x80, 0x7ff),
  range(0x800, 0xd7ff),
  range(0xe000, 0xffff),
  range(0x10000, 0x10ffff),
)

export function anyText(maxLength = 10): fc.Arbitrary<string> {
  return fc.array(codePoint, { maxLength }).map((points) => String.fromCodePoint(...points))
}
