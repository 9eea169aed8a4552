/** A platform-independent hash of the text's code units, 0 to 2^32 - 1: FNV-1a with a final mix. */
export function hashText(s: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 0x01000193)
  return mixBits(h)
}

/** A bijective mix of 32 bits, in which each output bit depends on each input bit: 0 to 2^32 - 1. */
export function mixBits(given: number): number {
  let h = Math.imul(given ^ (given >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
