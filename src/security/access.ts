/** The permissions of a user in one vhost (behaviour.md section 15). */
import { Pattern } from '../util/pattern.ts'

export type Right = 'configure' | 'write' | 'read'

/** Unanchored regular expressions that names are matched against; empty = no access. */
export interface Permission {
  readonly configure: string
  readonly write: string
  readonly read: string
}

/** For the routing keys of one topic exchange; {username}, {vhost} and {client_id} are substituted. */
export interface TopicPermission {
  readonly exchange: string
  readonly write: string
  readonly read: string
}

/** Matches no text. */
const NOTHING = '^$.'

interface TopicRule {
  readonly write: Pattern
  readonly read: Pattern
}

/** Called for a pattern that is invalid, or too expensive to decide for a name; such a pattern grants nothing. */
export type PatternWarning = (pattern: string, reason: string) => void

function patternOf(source: string, warn: PatternWarning): Pattern {
  try {
    return new Pattern(source === '' ? NOTHING : source)
  } catch (error) {
    warn(source, (error as Error).message)
    return new Pattern(NOTHING)
  }
}

export interface Access {
  /** Rules with which a name or a routing key may have to be compared; undefined = one. */
  readonly rulesCount?: number
  /** The default exchange is called `amq.default` here. */
  allows(right: Right, resource: string): boolean
  /** Whether there is a topic permission for that exchange. */
  restrictsTopic(exchange: string): boolean
  allowsTopic(right: 'write' | 'read', exchange: string, routingKey: string): boolean
}

/** Access by a user's permissions and topic permissions. */
export class PatternAccess implements Access {
  private readonly rules: Record<Right, Pattern>
  private readonly topics: ReadonlyMap<string, TopicRule>

  private readonly warn: PatternWarning

  constructor(
    permission: Permission,
    topics: readonly TopicPermission[],
    variables: Record<string, string>,
    warn: PatternWarning = () => {},
  ) {
    this.warn = warn
    const of = (source: string): Pattern => patternOf(source, warn)
    const { configure, write, read } = permission
    this.rules = { configure: of(configure), write: of(write), read: of(read) }
    const fill = (s: string): string =>
      s.replace(/\{(username|vhost|client_id)\}/g, (_, name: string) => variables[name] ?? '')
    this.topics = new Map(
      topics.map((t) => [t.exchange, { write: of(fill(t.write)), read: of(fill(t.read)) }]),
    )
  }

  allows(right: Right, resource: string): boolean {
    return this.matches(this.rules[right], resource === '' ? 'amq.default' : resource)
  }

  restrictsTopic(exchange: string): boolean {
    return this.topics.has(exchange)
  }

  allowsTopic(right: 'write' | 'read', exchange: string, routingKey: string): boolean {
    const rule = this.topics.get(exchange)?.[right]
    return rule === undefined || this.matches(rule, routingKey)
  }

  /** A match that cannot be decided counts as a refusal. */
  private matches(pattern: Pattern, name: string): boolean {
    const matches = pattern.decide(name)
    if (matches === undefined)
      this.warn(pattern.source, `it takes too long to decide whether it matches '${name}'`)
    return matches === true
  }
}

export const noAccess: Access = new PatternAccess({ configure: '', write: '', read: '' }, [], {})
export const fullAccess: Access = new PatternAccess({ configure: '.*', write: '.*', read: '.*' }, [], {})
