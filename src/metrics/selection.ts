/** Parses the selection in a request for per-object metrics. */
import { Pattern } from '../util/pattern.ts'

export interface Selection {
  readonly vhosts: ReadonlySet<string> | undefined
  /** Selects queues and exchanges by name. */
  readonly pattern: Pattern | undefined
  readonly endpoint: 'per-object' | 'detailed'
  /** Names of the requested families; undefined = all. An unknown family has no metrics, as in RabbitMQ. */
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
