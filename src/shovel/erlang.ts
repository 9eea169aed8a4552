/** Formats JSON values the way RabbitMQ prints them in error texts. */
export function erlangTerm(v: unknown): string {
  if (typeof v === 'string') return `<<${JSON.stringify(v)}>>`
  if (v === null || typeof v !== 'object') return v === null ? 'null' : String(v)
  if (Array.isArray(v)) return `[${v.map(erlangTerm).join(',')}]`
  const entries = Object.entries(v).map(([k, x]) => `${erlangTerm(k)} => ${erlangTerm(x)}`)
  return `#{${entries.join(',')}}`
}
