/**
 * Names, keys and header strings are octets on the wire; internally they are JavaScript strings that preserve every
 * octet. Valid UTF-8 is decoded as such; each other octet 0x80 to 0xFF becomes a lone surrogate, U+DC80 to U+DCFF, and
 * is converted back when it is encoded. Different octets yield different strings.
 */

/** Maximum octets of a short string, whose length is a single octet. */
export const SHORT_STRING_BYTES_MAX = 255

/** Maximum octets of UTF-8 per UTF-16 code unit. */
const UNIT_BYTES_MAX = 3

/** A value that cannot be represented on the wire: nothing is truncated or wrapped silently. */
export class EncodeError extends RangeError {
  override readonly name = 'EncodeError'
}

export function octetText(b: Buffer, start = 0, end = b.length): string {
  const text = b.toString('utf8', start, end)
  return text.includes('\ufffd') ? escaped(b, start, end) : text
}

export function textOctets(text: string): Buffer {
  return text.isWellFormed() ? Buffer.from(text) : unescaped(text)
}

export function octetLength(text: string): number {
  return text.isWellFormed() ? Buffer.byteLength(text) : unescaped(text).length
}

export function fitsShortString(text: string): boolean {
  return text.length * UNIT_BYTES_MAX <= SHORT_STRING_BYTES_MAX || octetLength(text) <= SHORT_STRING_BYTES_MAX
}

/** Without the length prefix. @throws EncodeError above 255 octets */
export function shortString(text: string): Buffer {
  const b = textOctets(text)
  if (b.length <= SHORT_STRING_BYTES_MAX) return b
  throw new EncodeError(`a short string holds ${SHORT_STRING_BYTES_MAX} octets, not ${b.length}`)
}

/** Truncates the text to at most that many octets without splitting a character. */
export function cutToOctets(text: string, max: number): string {
  const b = textOctets(text)
  if (b.length <= max) return text
  let end = max
  while (end > max - 4 && ((b[end] as number) & 0xc0) === 0x80) end--
  return octetText(b, 0, end)
}

function escaped(b: Buffer, start: number, end: number): string {
  let out = ''
  let valid = start
  for (let at = start; at < end; ) {
    const size = characterBytes(b, at, end)
    if (size === 0) {
      out += b.toString('utf8', valid, at) + String.fromCharCode(0xdc00 + (b[at] as number))
      valid = at + 1
    }
    at += size || 1
  }
  return out + b.toString('utf8', valid, end)
}

function unescaped(text: string): Buffer {
  const parts: Buffer[] = []
  for (const c of text) {
    const code = c.codePointAt(0) as number
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(c))
  }
  return Buffer.concat(parts)
}

/** Length in octets of the UTF-8 character at `at`; 0 if there is no valid one. */
function characterBytes(b: Buffer, at: number, end: number): number {
  const first = b[at] as number
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (at + size > end) return 0
  const second = b[at + 1] as number
  // Rejects overlong forms, surrogates and code points above U+10FFFF.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = at + 2; i < at + size; i++) if (((b[i] as number) & 0xc0) !== 0x80) return 0
  return size
}
