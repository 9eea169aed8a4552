/** Scopes of tokens: permissions in RabbitMQ's syntax, `write:vhost/name/key` with `*` for any text, and tags. */
import type { Access, Right } from './access.ts'

interface Scope {
  readonly right: Right
  readonly vhost: Wildcard
  readonly name: Wildcard
  readonly key: Wildcard
}

const RIGHTS: readonly string[] = ['configure', 'write', 'read']

/**
 * A pattern in which `*` matches any text and nothing else is special. Matched in one pass from left to right, without
 * backtracking.
 */
class Wildcard {
  private readonly parts: readonly string[]

  constructor(pattern: string) {
    this.parts = decodeURIComponent(pattern).split(/\*+/)
  }

  test(text: string): boolean {
    const first = this.parts[0] as string
    if (this.parts.length === 1) return text === first
    const last = this.parts.at(-1) as string
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    // The texts may be very many, and most names do not even have the first of them.
    for (let i = 1; i < this.parts.length - 1; i++) {
      const part = this.parts[i] as string
      const found = text.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= end
  }
}

export function parseScopes(scopes: readonly string[]): { rules: Scope[]; tags: string[] } {
  const rules: Scope[] = []
  const tags: string[] = []
  for (const scope of scopes) {
    const [what = '', ...rest] = scope.split(':')
    const text = rest.join(':')
    if (what === 'tag') tags.push(text)
    if (!RIGHTS.includes(what) || text === '') continue
    const [vhost = '*', name = '*', key = '*'] = text.split('/')
    rules.push({
      right: what as Right,
      vhost: new Wildcard(vhost),
      name: new Wildcard(name),
      key: new Wildcard(key),
    })
  }
  return { rules, tags }
}

class ScopeAccess implements Access {
  readonly rulesCount: number
  private readonly rules: readonly Scope[]

  constructor(rules: readonly Scope[]) {
    this.rules = rules
    this.rulesCount = rules.length
  }

  allows(right: Right, resource: string): boolean {
    const name = resource === '' ? 'amq.default' : resource
    return this.rules.some((r) => r.right === right && r.name.test(name))
  }

  restrictsTopic(): boolean {
    return true
  }

  allowsTopic(right: 'write' | 'read', exchange: string, routingKey: string): boolean {
    return this.rules.some((r) => r.right === right && r.name.test(exchange) && r.key.test(routingKey))
  }
}

/** The permissions that the scopes grant in a vhost; undefined if they grant none. */
export function scopeAccess(rules: readonly Scope[], vhost: string): Access | undefined {
  const here = rules.filter((r) => r.vhost.test(vhost))
  return here.length === 0 ? undefined : new ScopeAccess(here)
}
