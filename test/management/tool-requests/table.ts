/**
 * The form of the tables of requests that other projects' programs make, and of what they read of the answers. The facts
 * are from the sources of those programs.
 */

import { onOracle } from '../../support/target.ts'

/**
 * What a program needs of a field:
 * - `number`, `string`, `boolean`, `list`, `object`: it has to be there and of that type
 * - `positive`: a number above 0, because the program divides by it or takes 0 for a failure
 * - `TYPE?`: absent or null is fine
 * - `TYPE~`: absent is fine, null is not
 */
type Base = 'number' | 'positive' | 'string' | 'boolean' | 'list' | 'object' | 'number or string' | 'any'
export type Need = Base | `${Base}?` | `${Base}~`

/**
 * By path, with dots between names; a backslash before a dot that belongs to a name. `[]` stands for every row of a list.
 * Required fields have to be in the row that the scene has made (`row` in the request); in the rows of others they
 * may be absent, but not of another type.
 */
export type Needs = { readonly [path: string]: Need }

export interface ToolRequest {
  /** Method and path, with the scene's placeholders: `GET queues/{v}/{queue}`. */
  readonly ask: string
  readonly body?: unknown
  /** Default: 200 for GET, 201 or 204 for PUT, 204 for DELETE, 200 for POST. */
  readonly status?: readonly number[]
  readonly reads?: Needs
  /** Which row of a list is the scene's: these fields with these values, placeholders included. */
  readonly row?: { readonly [field: string]: unknown }
  /** Debian's RabbitMQ (3.10.8) does not have it, or not without a plugin. */
  readonly beyond?: string
}

export interface Tool {
  readonly name: string
  readonly requests: readonly ToolRequest[]
}

export function statusesOf({ ask, status }: Pick<ToolRequest, 'ask' | 'status'>): readonly number[] {
  if (status !== undefined) return status
  if (ask.startsWith('PUT')) return [201, 204]
  return ask.startsWith('DELETE') ? [204] : [200]
}

/** Fields of an answer that are not as the program needs them; empty if it can read it. */
export function misread(json: unknown, reads: Needs, row: ToolRequest['row']): string[] {
  return Object.entries(reads).flatMap(([path, need]) => check(json, pathOf(path), need, row, path))
}

function pathOf(path: string): string[] {
  return path.split(/(?<!\\)\./).map((name) => name.replaceAll('\\.', '.'))
}

function check(
  value: unknown,
  [name, ...rest]: readonly string[],
  need: Need,
  row: ToolRequest['row'],
  path: string,
): string[] {
  if (name === undefined) return fits(value, need) ? [] : [`${path} is ${JSON.stringify(value)}`]
  if (name === '[]') return checkRows(value, rest, need, row, path)
  if (value === undefined || value === null) return check(value, rest, need, row, path)
  // RabbitMQ has an empty list for an object without members.
  if (typeof value !== 'object') return [`${path}: ${JSON.stringify(value)} has no members`]
  return check((value as { [name: string]: unknown })[name], rest, need, row, path)
}

function checkRows(
  value: unknown,
  rest: readonly string[],
  need: Need,
  row: ToolRequest['row'],
  path: string,
): string[] {
  if (!Array.isArray(value)) return need.endsWith('?') && value === undefined ? [] : [`${path}: no list`]
  if (row === undefined) return value.flatMap((v) => check(v, rest, need, undefined, path))
  const own = value.filter((v) => matches(v, row))
  if (own.length === 0) return [`${path}: no row ${JSON.stringify(row)}`]
  const lenient = /[?~]$/.test(need) ? need : (`${need}?` as Need)
  return [
    ...own.flatMap((v) => check(v, rest, need, undefined, path)),
    ...value.filter((v) => !own.includes(v)).flatMap((v) => check(v, rest, lenient, undefined, path)),
  ]
}

function matches(value: unknown, row: { readonly [field: string]: unknown }): boolean {
  return Object.entries(row).every(([k, v]) => (value as { [name: string]: unknown } | null)?.[k] === v)
}

function fits(value: unknown, need: Need): boolean {
  if (value === undefined) return /[?~]$/.test(need)
  if (value === null) return need.endsWith('?')
  const base = need.replace(/[?~]$/, '') as Base
  if (base === 'any') return true
  if (base === 'positive') return typeof value === 'number' && value > 0
  if (base === 'list') return Array.isArray(value)
  if (base === 'number or string') return ['number', 'string'].includes(typeof value)
  // RabbitMQ again: such as the limits of a vhost that has none any more.
  if (base === 'object')
    return typeof value === 'object' && (!Array.isArray(value) || (onOracle && value.length === 0))
  return typeof value === base
}
