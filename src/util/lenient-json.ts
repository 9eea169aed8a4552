/** JSON as people write it by hand: with a byte order mark, comments, trailing commas or single quotes. */

/** Characters, or octets, that are read leniently; reading is slow, and longer texts come from programs. */
export const LENIENT_BYTES_MAX = 4 * 1024 * 1024

/** Strict JSON is tried first, since it is read far quicker. @throws SyntaxError that says where */
export async function readJson(text: string): Promise<unknown> {
  const plain = text.replace(/^\uFEFF/, '')
  try {
    return JSON.parse(plain)
  } catch (error) {
    if (plain.length > LENIENT_BYTES_MAX) throw error
  }
  const { default: JSON5 } = await import('json5')
  return JSON5.parse(plain)
}
