/** A number with what it counts: `1 stream`, `1,255 messages`. */
export const counted = (n: number, one: string): string =>
  `${n.toLocaleString('en-US')} ${one}${n === 1 ? '' : 's'}`
