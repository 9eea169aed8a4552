/** Describes the HTTP API as an OpenAPI 3.1 document, generated from the routes and their schemas. */
import { version } from '../../util/version.ts'
import { answers } from './answers.ts'
import { list, ref, type Schema, text } from './base.ts'
import { requests } from './requests.ts'
import { queries, type RouteDoc } from './route-doc.ts'

export interface DescribedRoute {
  readonly method: string
  readonly path: string
  /** The tag that a user needs. */
  readonly tag: string
  readonly doc: RouteDoc
}

function parameter(place: 'path' | 'query', name: string, description?: string): object {
  const about = description === undefined ? {} : { description }
  return { name, in: place, required: place === 'path', schema: text, ...about }
}

function json(schema: Schema): object {
  return { 'application/json': { schema } }
}

/** The answer of a list if the query has `page`. */
function page(items: Schema): Schema {
  const count = { type: 'integer' }
  const counts = ['filtered_count', 'item_count', 'page', 'page_count', 'page_size', 'total_count']
  return {
    type: 'object',
    properties: { items: list(items), ...Object.fromEntries(counts.map((c) => [c, count])) },
    required: ['items', ...counts],
  }
}

/** The schema of a route's answer; undefined if it has no body. */
export function answerSchema(doc: RouteDoc): Schema | undefined {
  if (doc.answer === undefined) return undefined
  const one = ref(doc.answer)
  if (doc.list === undefined) return one
  return doc.list === 'pages' ? { anyOf: [list(one), page(one)] } : list(one)
}

function responses(method: string, doc: RouteDoc): object {
  const answer = answerSchema(doc)
  const failed = { description: 'What is wrong', content: json(ref('Error')) }
  const done = { description: 'Done' }
  const good =
    answer !== undefined
      ? { 200: { description: doc.summary, content: json(answer) } }
      : method === 'PUT'
        ? { 201: { description: 'It is new' }, 204: done }
        : { [doc.creates === true ? 201 : 204]: done }
  return { ...good, default: failed }
}

function operation({ method, path, tag, doc }: DescribedRoute): object {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => parameter('path', name as string))
  const names = { ...(doc.list === 'pages' ? queries.pages : {}), ...doc.query }
  const inQuery = Object.entries(names).map(([name, about]) => parameter('query', name, about))
  const body = doc.body === undefined ? {} : { requestBody: { content: json(ref(doc.body)) } }
  return {
    summary: doc.summary,
    description: tag === 'none' ? 'For everybody, without a login.' : `For users with the tag ${tag}.`,
    ...(tag === 'none' ? { security: [] } : {}),
    operationId: `${method.toLowerCase()}-${path.replace(/[:/]+/g, '-')}`,
    parameters: [...inPath, ...inQuery],
    ...body,
    responses: responses(method, doc),
  }
}

export function openApi(routes: readonly DescribedRoute[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const url = `/api/${route.path.replace(/:(\w+)/g, '{$1}')}`
    paths[url] ??= {}
    paths[url][route.method.toLowerCase()] = operation(route)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Leveret management API', version },
    security: [{ basic: [] }, { bearer: [] }],
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      schemas: { ...answers, ...requests },
    },
    paths,
  }
}
