/**
 * Checks the answers of a broker: what is at the other end of an address may be anything, or the broker of a later
 * release. RabbitMQ gives an object without values as an empty list, and some of its versions an empty list as an object.
 */
import type { Json } from '../../util/json.ts'

type Type = 'string' | 'number' | 'boolean' | 'object'

/** Members by name; with a question mark, they may be missing or null. Members without a row may be anything. */
export type Shape = { readonly [member: string]: Type | `${Type}?` }

/** Says what is wrong, such as `"name" of element 3 is missing`. */
export class ShapeError extends Error {}

const typeOf = (v: unknown): string => (v === null ? 'null' : Array.isArray(v) ? 'list' : typeof v)
const named = (type: string): string =>
  type === 'null' ? type : /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
const isEmpty = (v: object): boolean => Object.keys(v).length === 0

function wrong(where: string, v: unknown, type: string): ShapeError {
  return new ShapeError(
    `${where} is ${v === undefined ? 'missing' : `${named(typeOf(v))}, not ${named(type)}`}`,
  )
}

/** @param where as in an error: `element 3` */
function checkMembers(o: Json, shape: Shape, where: string | undefined): void {
  for (const [member, type] of Object.entries(shape)) {
    const v = o[member]
    if (type.endsWith('?') && (v === undefined || v === null)) continue
    const wanted = type.replace('?', '')
    if (typeOf(v) === wanted || (wanted === 'object' && Array.isArray(v) && isEmpty(v))) continue
    throw wrong(`"${member}"${where === undefined ? '' : ` of ${where}`}`, v, wanted)
  }
}

/**
 * @param where as in an error: `it`, `"vhosts"`
 * @throws ShapeError
 */
export function checkedList(v: unknown, shape: Shape, where = 'it'): readonly Json[] {
  if (typeOf(v) === 'object' && isEmpty(v as object)) return []
  if (!Array.isArray(v)) throw wrong(where, v, 'list')
  for (const [i, row] of v.entries()) {
    const element = `element ${i + 1}${where === 'it' ? '' : ` of ${where}`}`
    if (typeOf(row) !== 'object') throw wrong(element, row, 'object')
    checkMembers(row as Json, shape, element)
  }
  return v as Json[]
}

/** @throws ShapeError */
export function checkedObject(v: unknown, shape: Shape): Json {
  if (Array.isArray(v) && isEmpty(v)) return checkedObject({}, shape)
  if (typeOf(v) !== 'object') throw wrong('it', v, 'object')
  checkMembers(v as Json, shape, undefined)
  return v as Json
}
