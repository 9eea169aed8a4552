/** Parses the selection of a request for the metrics of single objects. */
import { Pattern } from '../util/pattern.ts'

export interface Selection {
  readonly vhosts: ReadonlySet<string> | undefined
  /** Selects queues and exchanges by name. */
  readonly pattern: Pattern | undefined
  readonly endpoint: 'per-object' | 'detailed'
  /** By name; undefined = all. An unknown family shows nothing, as in RabbitMQ. */
  readonly families: ReadonlySet<string> | undefined
}

/** Parses the query; returns an error text for an invalid request. */
export function select(path: string | undefined, query: URLSearchParams): Selection | string {
  const vhosts = query.getAll('vhost')
  const name = query.get('name')
  let pattern: Pattern | undefined
  try {
    pattern = name === null ? undefined : new Pattern(name)
  } catch {
    return `invalid regular expression: ${name}`
  }
  const common = { vhosts: vhosts.length === 0 ? undefined : new Set(vhosts), pattern }
  if (path === '/per-object') return { ...common, endpoint: 'per-object', families: undefined }
  if (path !== '/detailed') return 'there are /metrics, /metrics/per-object and /metrics/detailed'
  return { ...common, endpoint: 'detailed', families: new Set(query.getAll('family')) }
}
