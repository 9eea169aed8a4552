/** A number, rounded, with what it counts: `1 stream`, `1,255 messages`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${Math.round(n).toLocaleString('en-US')} ${n === 1 ? one : many}`
}
