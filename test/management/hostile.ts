/** What routes of the HTTP API are tried with. */
import { definitionLists } from '../../src/cli/migrate/rows.ts'
import type { Schema } from '../../src/management/schemas/base.ts'

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: { readonly $ref: string } }> }
}

export interface FuzzCall {
  readonly method: string
  /** From /api on. */
  readonly path: string
  readonly body: string | undefined
}

/** As JSON: some of it has no other form. */
const values = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e400',
  '-1e400',
  '9007199254740993',
  '123456789012345678901234567890',
  '""',
  '"x"',
  '"NaN"',
  '"-1"',
  '"99999999999999999999"',
  '"\\u0000"',
  '"\\ud800"',
  '"ü€😀"',
  `"${'l'.repeat(300)}"`,
  '"((("',
  '"__proto__"',
  '[]',
  '[[]]',
  '[null]',
  '["x", 5, {}]',
  '{}',
  '{"a": null}',
  '{"a": [1, {"b": [null, 1.5, "x"]}]}',
  '{"__proto__": {"a": 1}, "constructor": 1, "toString": null, "hasOwnProperty": [1]}',
  `{"${'n'.repeat(300)}": 1}`,
  '{"x-queue-type": 5, "x-max-length": -1, "x-message-ttl": 1e400}',
  '{"max-length": -1, "message-ttl": "x", "__proto__": 5}',
  '{"headers": {"__proto__": 1}, "priority": 1e400}',
]

const pathParts = [
  '__proto__',
  'constructor',
  '%FF',
  '%zz',
  '%00',
  '%E2%82%AC',
  '..',
  'x'.repeat(900),
  '%F0%9F%98%80',
  '~',
  'amq.default',
]
const queryValues = [
  '',
  '-1',
  '1e400',
  'NaN',
  '99999999999999999999',
  '__proto__',
  'constructor.name',
  '(((',
  '%FF',
  'a,,b.c.,',
  '0',
  '1',
  'true',
  '=',
]

/** What usually stands there, so that one wrong member is looked at. */
const usual: Record<string, string> = {
  vhost: '%2F',
  user: 'ann',
  source: 'x',
  destination: 'q',
  name: 'q',
  node: 'x',
  component: 'shovel',
  props: '~',
  port: '5672',
  protocol: 'amqp',
  within: '1',
  unit: 'days',
  exchange: 'amq.topic',
}

function nameIn(path: string, parameter: string): string {
  // The vhost of all others may not go.
  if (path.endsWith('/vhosts/{vhost}')) return 'other'
  return parameter === 'name' && path.includes('/exchanges/') ? 'x' : (usual[parameter] ?? 'x')
}

function fill(template: string, changed?: string, value = ''): string {
  return template.replace(/\{(\w+)\}/g, (_, n: string) => (n === changed ? value : nameIn(template, n)))
}

/** A value that fits the schema, as JSON. */
function fitting(schema: Schema): string {
  const { enum: choices, type, items } = schema
  if (Array.isArray(choices)) return JSON.stringify(choices[0])
  const first = Array.isArray(type) ? type[0] : type
  if (first === 'integer' || first === 'number') return '1'
  if (first === 'array') return items === undefined ? '[]' : '["x"]'
  if (first === 'object' || first === undefined) return '{"a": 1}'
  return '"x"'
}

function bodies(name: string, schema: Schema): string[] {
  const properties = Object.entries(schema.properties ?? {})
  const required = schema.required ?? []
  const out = [...values]
  for (const [member] of properties)
    for (const value of values) {
      const others = properties
        .filter(([n]) => n !== member && required.includes(n))
        .map(([n, s]) => `${JSON.stringify(n)}: ${fitting(s)}`)
      out.push(`{${[...others, `${JSON.stringify(member)}: ${value}`].join(', ')}}`)
    }
  if (name === 'DefinitionsRequest')
    for (const list of definitionLists)
      for (const value of values) out.push(`{"${list}": [${value}, ${element(value)}]}`)
  return out
}

/** Something with all the names that objects in definitions have, one value for the optional ones. */
function element(value: string): string {
  const names = [
    'name',
    'user',
    'component',
    'source',
    'destination',
    'routing_key',
    'configure',
    'write',
    'read',
    'exchange',
    'type',
  ]
  const texts = names.map((n) => `"${n}": "x"`)
  const others = [
    'tags',
    'limits',
    'metadata',
    'arguments',
    'value',
    'definition',
    'pattern',
    'priority',
    'durable',
    'description',
  ]
  return `{"vhost": "/", ${texts.join(', ')}, ${others.map((n) => `"${n}": ${value}`).join(', ')}}`
}

/** Ends or closes the broker that is tried. */
const fatal = /shutdown|stop_app/

export function fuzzCalls(
  paths: Record<string, Record<string, Operation>>,
  requests: Record<string, Schema>,
): FuzzCall[] {
  const out: FuzzCall[] = []
  for (const [template, methods] of Object.entries(paths))
    for (const [lower, { parameters, requestBody }] of Object.entries(methods)) {
      if (fatal.test(template)) continue
      const method = lower.toUpperCase()
      const name = requestBody?.content['application/json']?.schema.$ref.split('/').pop()
      const body = name === undefined ? undefined : bodies(name, requests[name] as Schema)
      for (const text of body ?? [undefined]) out.push({ method, path: fill(template), body: text })
      for (const p of parameters)
        if (p.in === 'path')
          for (const part of pathParts)
            out.push({
              method,
              path: fill(template, p.name, part),
              body: body === undefined ? undefined : '{}',
            })
        else
          for (const value of queryValues) {
            const query = `${p.name}=${value}&${p.name}=${value}&page=1&use_regex=true`
            out.push({ method, path: `${fill(template)}?${query}`, body: undefined })
          }
    }
  // What takes away comes last.
  return [...out.filter((c) => c.method !== 'DELETE'), ...out.filter((c) => c.method === 'DELETE')]
}
