/**
 * CRC-32C (Castagnoli), as used by iSCSI and ext4: reflected polynomial 0x82f63b78. Processes sixteen octets a step,
 * with a table for each; about 2 GB/s, a third of the speed of zlib's native CRC-32, but available on every version of
 * Node.
 */
const POLYNOMIAL = 0x82f63b78
const SLICES = 16
/** For fewer octets, viewing them as words costs more than it saves. */
const OCTETS_AS_WORDS_MIN = 512

const table = makeTable()

function makeTable(): Int32Array {
  const t = new Int32Array(SLICES * 256)
  for (let i = 0; i < 256; i++) {
    let c = i
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1
    t[i] = c
  }
  for (let i = 256; i < t.length; i++) {
    const c = t[i - 256] as number
    t[i] = (c >>> 8) ^ (t[c & 255] as number)
  }
  return t
}

/** The checksum of that range, as an unsigned number. `before` is the checksum of the data that precedes it. */
export function crc32c(b: Uint8Array, start = 0, end = b.length, before = 0): number {
  const t = table
  let c = ~before
  let at = start
  if (end - at < OCTETS_AS_WORDS_MIN) {
    const steps = (end - at) >> 4
    c = crcOfSixteens(b, at, steps, c)
    at += steps * 16
  } else {
    while (((b.byteOffset + at) & 3) !== 0) c = (t[(c ^ (b[at++] as number)) & 255] as number) ^ (c >>> 8)
    const steps = (end - at) >> 4
    c = crcOfWords(new Int32Array(b.buffer, b.byteOffset + at, steps * 4), c)
    at += steps * 16
  }
  while (at < end) c = (t[(c ^ (b[at++] as number)) & 255] as number) ^ (c >>> 8)
  return ~c >>> 0
}

/** The checksum of the text in UTF-8. For short texts; only those that are not ASCII are encoded first. */
export function crc32cOfText(text: string): number {
  const t = table
  let c = ~0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return crc32c(Buffer.from(text))
    c = (t[(c ^ code) & 255] as number) ^ (c >>> 8)
  }
  return ~c >>> 0
}

function crcOfSixteens(b: Uint8Array, start: number, steps: number, before: number): number {
  const t = table
  let c = before
  for (let i = start, end = start + steps * 16; i < end; i += 16) {
    c =
      (t[0xf00 | ((c & 255) ^ (b[i] as number))] as number) ^
      (t[0xe00 | (((c >>> 8) & 255) ^ (b[i + 1] as number))] as number) ^
      (t[0xd00 | (((c >>> 16) & 255) ^ (b[i + 2] as number))] as number) ^
      (t[0xc00 | ((c >>> 24) ^ (b[i + 3] as number))] as number) ^
      (t[0xb00 | (b[i + 4] as number)] as number) ^
      (t[0xa00 | (b[i + 5] as number)] as number) ^
      (t[0x900 | (b[i + 6] as number)] as number) ^
      (t[0x800 | (b[i + 7] as number)] as number) ^
      (t[0x700 | (b[i + 8] as number)] as number) ^
      (t[0x600 | (b[i + 9] as number)] as number) ^
      (t[0x500 | (b[i + 10] as number)] as number) ^
      (t[0x400 | (b[i + 11] as number)] as number) ^
      (t[0x300 | (b[i + 12] as number)] as number) ^
      (t[0x200 | (b[i + 13] as number)] as number) ^
      (t[0x100 | (b[i + 14] as number)] as number) ^
      (t[b[i + 15] as number] as number)
  }
  return c
}

function crcOfWords(words: Int32Array, before: number): number {
  const t = table
  let c = before
  for (let i = 0; i < words.length; i += 4) {
    const w = (words[i] as number) ^ c
    const x = words[i + 1] as number
    const y = words[i + 2] as number
    const z = words[i + 3] as number
    c =
      (t[0xf00 | (w & 255)] as number) ^
      (t[0xe00 | ((w >>> 8) & 255)] as number) ^
      (t[0xd00 | ((w >>> 16) & 255)] as number) ^
      (t[0xc00 | (w >>> 24)] as number) ^
      (t[0xb00 | (x & 255)] as number) ^
      (t[0xa00 | ((x >>> 8) & 255)] as number) ^
      (t[0x900 | ((x >>> 16) & 255)] as number) ^
      (t[0x800 | (x >>> 24)] as number) ^
      (t[0x700 | (y & 255)] as number) ^
      (t[0x600 | ((y >>> 8) & 255)] as number) ^
      (t[0x500 | ((y >>> 16) & 255)] as number) ^
      (t[0x400 | (y >>> 24)] as number) ^
      (t[0x300 | (z & 255)] as number) ^
      (t[0x200 | ((z >>> 8) & 255)] as number) ^
      (t[0x100 | ((z >>> 16) & 255)] as number) ^
      (t[z >>> 24] as number)
  }
  return c
}
