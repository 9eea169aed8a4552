/** What a user may do in one vhost (behaviour.md section 15). */
import { Pattern } from '../util/pattern.ts'

export type Right = 'configure' | 'write' | 'read'

/** Regular expressions over names, unanchored; empty = nothing. */
export interface Permission {
  readonly configure: string
  readonly write: string
  readonly read: string
}

/** For routing keys of one topic exchange; {username}, {vhost} and {client_id} stand for what they say. */
export interface TopicPermission {
  readonly exchange: string
  readonly write: string
  readonly read: string
}

interface TopicRule {
  readonly write: Pattern
  readonly read: Pattern
}

function patternOf(source: string): Pattern {
  return new Pattern(source === '' ? '^$.' : source)
}

export interface Access {
  /** The default exchange goes by the name `amq.default`. */
  allows(right: Right, resource: string): boolean
  /** There is a rule for routing keys of that exchange. */
  restrictsTopic(exchange: string): boolean
  allowsTopic(right: 'write' | 'read', exchange: string, routingKey: string): boolean
}

/** By the rows of permissions and topic permissions. */
export class PatternAccess implements Access {
  private readonly rules: Record<Right, Pattern>
  private readonly topics: ReadonlyMap<string, TopicRule>

  constructor(permission: Permission, topics: readonly TopicPermission[], variables: Record<string, string>) {
    const { configure, write, read } = permission
    this.rules = { configure: patternOf(configure), write: patternOf(write), read: patternOf(read) }
    const fill = (s: string): string =>
      s.replace(/\{(username|vhost|client_id)\}/g, (_, name: string) => variables[name] ?? '')
    this.topics = new Map(
      topics.map((t) => [t.exchange, { write: patternOf(fill(t.write)), read: patternOf(fill(t.read)) }]),
    )
  }

  allows(right: Right, resource: string): boolean {
    return this.rules[right].matches(resource === '' ? 'amq.default' : resource)
  }

  restrictsTopic(exchange: string): boolean {
    return this.topics.has(exchange)
  }

  allowsTopic(right: 'write' | 'read', exchange: string, routingKey: string): boolean {
    return this.topics.get(exchange)?.[right].matches(routingKey) ?? true
  }
}

export const noAccess: Access = new PatternAccess({ configure: '', write: '', read: '' }, [], {})
export const fullAccess: Access = new PatternAccess({ configure: '.*', write: '.*', read: '.*' }, [], {})
