/** A hash of the text's code units, 0 to 2^32 - 1, the same on every machine: FNV-1a with a final mix. */
export function hashText(s: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 0x01000193)
  return mixBits(h)
}

/** 32 bits, each of which depends on each bit of the 32 given: 0 to 2^32 - 1. Different input, different output. */
export function mixBits(given: number): number {
  let h = Math.imul(given ^ (given >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
