/** The HTTP API of one broker: policies, and what it lists at the end of a program. */
import type { Names } from './names.ts'
import type { PolicyStep } from './step.ts'

/** RabbitMQ tells the policies of queues with their statistics, now and then: what they do is seen. */
const lists = {
  queues: ['name', 'durable', 'auto_delete', 'exclusive', 'arguments'],
  exchanges: ['name', 'type', 'durable', 'auto_delete', 'internal', 'arguments', 'policy'],
  bindings: ['source', 'destination', 'destination_type', 'routing_key', 'arguments'],
} as const

export class Api {
  private readonly base: string
  private readonly names: Names
  private readonly authorization: string

  constructor(base: string, names: Names) {
    this.base = base
    this.names = names
    this.authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
  }

  private async call(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    const { authorization } = this
    const r = await fetch(`${this.base}/api/${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: r.status, text: await r.text() }
  }

  /** What was answered. */
  async policy(step: PolicyStep): Promise<string> {
    const kind = step.do === 'policy' ? 'policies' : 'operator-policies'
    const { full } = this.names
    const path = `${kind}/%2F/${encodeURIComponent(full(step.name))}`
    const { definition, priority } = step
    const body = {
      pattern: full(step.pattern),
      definition: JSON.parse(full(JSON.stringify(definition ?? {}))),
      priority,
      'apply-to': step.applyTo,
    }
    const { status, text } = await (definition === undefined
      ? this.call('DELETE', path)
      : this.call('PUT', path, body))
    return `${status} ${this.names.short(text)}`.trimEnd()
  }

  async deletePolicies(names: readonly string[]): Promise<void> {
    for (const kind of ['policies', 'operator-policies'])
      for (const name of names)
        await this.call('DELETE', `${kind}/%2F/${encodeURIComponent(this.names.full(name))}`)
  }

  /** Of what belongs to the program. */
  async list(): Promise<string[]> {
    const lines: string[] = []
    const { full } = this.names
    for (const [list, fields] of Object.entries(lists)) {
      const { status, text } = await this.call('GET', `${list}/%2F`)
      // A RabbitMQ that has much to do may have no answer: it is asked again.
      if (status !== 200) return [`${list}: ${status}`]
      const shown = (JSON.parse(text) as { [name: string]: unknown }[]).map((o) =>
        fields.map((f) => `${f}=${JSON.stringify(sorted(o[f] ?? null))}`).join(' '),
      )
      const own = shown.filter((line) => line.includes(full('@'))).map((line) => this.names.short(line))
      lines.push(...own.sort().map((line) => `${list}: ${line}`))
    }
    return lines
  }
}

/** Keys of an object have no order; nothing and an empty one are the same. */
function sorted(v: unknown): unknown {
  if (v === null || typeof v !== 'object') return v === '' ? null : v
  if (Array.isArray(v)) return v.length === 0 ? null : v
  const entries = Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? null : Object.fromEntries(entries)
}
