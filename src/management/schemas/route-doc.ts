/** The documentation of a route, and the parameters that several routes share. */
import type { answers } from './answers.ts'
import type { requests } from './requests.ts'

export interface RouteDoc {
  readonly summary: string
  /** The schema that a body has to match. */
  readonly body?: keyof typeof requests
  /** The schema of the answer; absent = no body. */
  readonly answer?: keyof typeof answers
  /** The answer is a list of `answer`; `pages`: with pagination, filters, sorting and columns. */
  readonly list?: 'all' | 'pages'
  /** Parameters of the query, and their meaning. */
  readonly query?: { readonly [name: string]: string }
  /** A POST that answers 201. */
  readonly creates?: true
}

export const queries = {
  pages: {
    page: 'number of the page, from 1; without it the answer is the whole list',
    page_size: 'at most 500',
    name: 'a part of the name',
    use_regex: 'true: name is a regular expression',
    sort: 'a column',
    sort_reverse: 'true: the other way round',
    columns: 'names of columns, with commas between them',
  },
  deletion: { 'if-empty': 'true: only without messages', 'if-unused': 'true: only without consumers' },
  exchangeDeletion: { 'if-unused': 'true: only without bindings' },
  peek: {
    offset: 'messages to step over, of those that fit',
    count: 'messages at most',
    state: 'ready or unacked',
    header: 'NAME=VALUE',
    older_than: 'seconds',
    newer_than: 'seconds',
    encoding: 'auto or base64',
    truncate: 'octets of the payload, at most',
  },
  tail: {
    limit: 'messages, 1 to 1000; 100 where it is absent',
    seconds: 'at most, 1 to 600; where it is absent 1, and 600 of events',
    encoding: 'auto or base64',
    truncate: 'octets of the payload, at most',
  },
  exchangeTail: {
    key: 'as a binding of a topic exchange: words, * and #',
    limit: 'messages, 1 to 1000; 100 where it is absent',
    seconds: 'at most, 1 to 600; where it is absent 1, and 600 of events',
    encoding: 'auto or base64',
    truncate: 'octets of the payload, at most',
  },
} as const
