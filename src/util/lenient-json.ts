/** Reads hand-written JSON: with a byte order mark, comments, trailing commas or single quotes. */

/**
 * The maximum size of a file that is read leniently, in characters or octets: the lenient parser is slow, and larger
 * files are generated.
 */
export const LENIENT_FILE_BYTES_MAX = 4 * 1024 * 1024

/** Converts UTF-16 with a byte order mark to UTF-8: PowerShell writes UTF-16 when it redirects an export to a file. */
export function asUtf8(bytes: Buffer): Buffer {
  const mark = bytes.length % 2 === 0 ? bytes.subarray(0, 2).toString('hex') : ''
  if (mark === 'fffe') return Buffer.from(bytes.toString('utf16le'))
  return mark === 'feff' ? Buffer.from(Buffer.from(bytes).swap16().toString('utf16le')) : bytes
}

/** Tries strict JSON first, which is much faster. @throws SyntaxError with the position */
export async function readJson(text: string): Promise<unknown> {
  const plain = text.replace(/^\uFEFF/, '')
  try {
    return JSON.parse(plain)
  } catch (error) {
    if (plain.length > LENIENT_FILE_BYTES_MAX) throw error
  }
  return await readLenient(plain)
}

/** @throws SyntaxError with the position */
export async function readLenient(text: string): Promise<unknown> {
  const { default: JSON5 } = await import('json5')
  return JSON5.parse(text)
}
