/** Lists in RabbitMQ's format: pagination, name filters, sorting, columns (behaviour.md section 19). */
import { Readable } from 'node:stream'
import { InvalidRequest } from '../operations/invalid-request.ts'
import type { Json } from '../util/json.ts'
import { Pace, sortedSlowly } from '../util/pace.ts'
import { namesThatMatch, Pattern, PatternTooSlow } from '../util/pattern.ts'
import { Columns, own } from './columns.ts'

export interface ListQuery {
  readonly page?: string
  readonly page_size?: string
  readonly name?: string
  readonly use_regex?: string
  readonly pagination?: string
  readonly sort?: string
  readonly sort_reverse?: string
  readonly columns?: string
}

const PAGE_SIZE = 100
const PAGE_SIZE_MAX = 500
/** Maximum items sorted by default; longer lists are in order of creation, unless the query asks for sorting. */
const SORTED_MAX = 10_000
/** Items collected between two checks of the time. */
const COLLECTED = 1_000
/** Characters sent at a time: encoding 20 million takes 0.1 s. */
const SLICE = 262_144
/** Number of characters of a value that are compared when a list is sorted by it. */
const SORTED_BY_LENGTH = 256

/** One kind of object in lists: its name and its description. */
export interface Listed<T> {
  name(item: T): string
  describe(item: T): Json
  /** The vhost of an object: lists are sorted by vhost, and then by name. */
  vhost?(item: T): string
  /** Sort keys that do not require describing the whole object. */
  readonly keys?: { readonly [column: string]: (item: T) => unknown }
}

function valueAt(object: Json, path: string): unknown {
  let value: unknown = object
  for (const part of path.split('.')) value = own(value, part)
  return value
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1
  const [x, y] = [String(a), String(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** A page that does not exist, in RabbitMQ's words. */
export class BadPage extends InvalidRequest {
  readonly error: string

  constructor(error: string, message: string) {
    super(message)
    this.error = error
  }
}

/** @throws BadPage; InvalidRequest if it is not a number */
function pageOf({ page: number, page_size: size }: ListQuery): { page: number; pageSize: number } {
  const whole = /^-?\d{1,15}$/
  if (!whole.test(number ?? '') || (size !== undefined && !whole.test(size)))
    throw new InvalidRequest('Pagination parameters are invalid')
  const [page, pageSize] = [Number(number), Number(size ?? PAGE_SIZE)]
  if (page < 1 || pageSize < 1 || pageSize > PAGE_SIZE_MAX)
    throw new BadPage(
      'invalid_pagination_parameters',
      `Invalid pagination parameters: page number ${number}, page size ${size ?? 'undefined'}`,
    )
  return { page, pageSize }
}

/** The client no longer waits for the answer. */
export class Left extends Error {}

/** A long answer as text, generated while it is sent. */
export type LongAnswer = Readable

/**
 * Describes only the objects that the answer shows. Long-running work (a list without pagination, or sorting by a
 * column that requires describing objects) is done in pieces, so that the broker can work in between, and stops when
 * the client disconnects.
 * @param gone whether the client has disconnected
 * @param pieceMs ms of work before yielding. @returns JSON. @throws InvalidRequest; Left
 */
export async function listed<T>(
  items: Iterable<T>,
  kind: Listed<T>,
  q: ListQuery,
  gone: () => boolean = () => false,
  pieceMs?: number,
): Promise<string | LongAnswer> {
  const all = await collected(items, pieceMs)
  const filtered = q.name === undefined || q.name === '' ? all : await filterByName(all, kind, q)
  const reverse = q.sort_reverse === 'true'
  const sorted =
    q.sort === undefined || q.sort === ''
      ? usualOrder(filtered, kind, reverse)
      : await sortBy(usualOrder(filtered, kind, false), kind, q.sort, reverse, gone, pieceMs)
  const columns = q.columns === undefined ? undefined : Columns.of(q.columns)
  const show = (item: T): string => {
    const full = kind.describe(item)
    return JSON.stringify(columns === undefined ? full : columns.pickOf(full))
  }
  if (q.page === undefined) return written(sorted, show, pieceMs)
  const { page, pageSize } = pageOf(q)
  const pageCount = Math.ceil(sorted.length / pageSize)
  if (page > Math.max(1, pageCount))
    throw new BadPage(
      'page_out_of_range',
      `Page out of range, page: ${page} page size: ${pageSize}, len: ${sorted.length}`,
    )
  const shown = sorted.slice((page - 1) * pageSize, page * pageSize)
  const head = { filtered_count: sorted.length, item_count: shown.length }
  const rest = { page, page_count: pageCount, page_size: pageSize, total_count: all.length }
  const [before, after] = [JSON.stringify(head), JSON.stringify(rest)]
  return written(shown, show, pieceMs, `${before.slice(0, -1)},"items":`, `,${after.slice(1)}`)
}

async function collected<T>(items: Iterable<T>, pieceMs: number | undefined): Promise<T[]> {
  const pace = new Pace(pieceMs)
  const all: T[] = []
  for (const item of items) if (all.push(item) % COLLECTED === 0 && pace.isLong) await pace.rest()
  return all
}

/** Lists few items that may be large: each is described while the answer is sent, in the given order. */
export function oneByOne<T>(
  items: readonly T[],
  describe: (item: T) => unknown,
  q: ListQuery,
): string | LongAnswer {
  const columns = q.columns === undefined ? undefined : Columns.of(q.columns)
  return written(
    items,
    (item) => JSON.stringify(columns === undefined ? describe(item) : columns.pick(describe(item))) ?? 'null',
    undefined,
  )
}

/** Writes an object that contains one list, which may be long. */
export async function withList<T>(
  object: Json,
  name: string,
  items: readonly T[],
  describe: (item: T) => Json,
  { columns }: ListQuery,
): Promise<Json | string | LongAnswer> {
  if (columns === undefined) {
    const before = `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(name)}:`
    return written(items, (item) => JSON.stringify(describe(item)), undefined, before, '}')
  }
  const pace = new Pace()
  const list: Json[] = []
  if (columns.split(',').some((c) => c.split('.')[0] === name))
    for (const item of items) {
      list.push(describe(item))
      if (pace.isLong) await pace.rest()
    }
  return { ...object, [name]: list }
}

/** Sorts by vhost and name, as RabbitMQ does, unless the list is long. */
function usualOrder<T>(items: readonly T[], kind: Listed<T>, reverse: boolean): readonly T[] {
  if (items.length > SORTED_MAX) return items
  const sign = reverse ? -1 : 1
  const keyed = items.map((item) => ({ item, vhost: kind.vhost?.(item) ?? '', name: kind.name(item) }))
  keyed.sort((a, b) => sign * (compare(a.vhost, b.vhost) || compare(a.name, b.name)))
  return keyed.map((k) => k.item)
}

/** Applies `columns` to an answer that is not paginated: an object, or a list of objects. */
export function columnsOf(answer: unknown, { columns }: ListQuery): unknown {
  if (columns === undefined || answer === null || typeof answer !== 'object') return answer
  return Columns.of(columns).pick(answer)
}

/**
 * Returns the whole text if all items can be converted quickly, otherwise a stream that converts the rest while it is
 * sent.
 * @param before text before the list; `after` is the text that follows it
 */
function written<T>(
  items: readonly T[],
  show: (item: T) => string,
  pieceMs: number | undefined,
  before = '',
  after = '',
): string | LongAnswer {
  const pace = new Pace(pieceMs)
  let at = 0
  const piece = (): string => {
    const texts: string[] = []
    while (at < items.length && (texts.length === 0 || !pace.isLong)) texts.push(show(items[at++] as T))
    return texts.join(',')
  }
  const first = `${before}[${piece()}`
  if (at === items.length && first.length <= SLICE) return `${first}]${after}`
  async function* pieces(): AsyncGenerator<string> {
    yield* slices(first)
    while (at < items.length) {
      await pace.rest()
      yield* slices(`,${piece()}`)
    }
    yield `]${after}`
  }
  return Readable.from(pieces())
}

/** Splits a long text, so that each slice is sent before the next is encoded; surrogate pairs are kept together. */
function* slices(text: string): Iterable<string> {
  for (let at = 0, end: number; at < text.length; at = end) {
    end = Math.min(text.length, at + SLICE)
    const last = text.charCodeAt(end - 1)
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end++
    yield text.slice(at, end)
  }
}

async function filterByName<T>(all: T[], kind: Listed<T>, q: ListQuery): Promise<T[]> {
  const wanted = q.name as string
  if (q.use_regex !== 'true') return await filterByPart(all, kind, wanted.toLowerCase())
  let pattern: Pattern
  try {
    pattern = new Pattern(wanted)
  } catch {
    throw new InvalidRequest(`invalid regular expression: ${wanted}`)
  }
  try {
    return await namesThatMatch(pattern, all, kind.name)
  } catch (error) {
    throw error instanceof PatternTooSlow ? new InvalidRequest(error.message) : error
  }
}

async function filterByPart<T>(all: readonly T[], kind: Listed<T>, lower: string): Promise<T[]> {
  const pace = new Pace()
  const out: T[] = []
  for (const item of all) {
    if (kind.name(item).toLowerCase().includes(lower)) out.push(item)
    if (pace.isLong) await pace.rest()
  }
  return out
}

async function sortBy<T>(
  items: readonly T[],
  kind: Listed<T>,
  column: string,
  reverse: boolean,
  gone: () => boolean,
  pieceMs: number | undefined,
): Promise<T[]> {
  const quick = column === 'name' ? kind.name : (own(kind.keys, column) as ((item: T) => unknown) | undefined)
  const pace = new Pace(pieceMs)
  const keyed: { item: T; key: number | string | undefined }[] = []
  for (const item of items) {
    keyed.push({
      item,
      key: sortKey(quick === undefined ? valueAt(kind.describe(item), column) : quick(item)),
    })
    if (!pace.isLong) continue
    await pace.rest()
    if (gone()) throw new Left()
  }
  const sorted = await sortedSlowly(keyed, (a, b) => compare(a.key, b.key) * (reverse ? -1 : 1))
  return sorted.map((k) => k.item)
}

/** Shortens long values, so that comparisons do not read them in full. */
function sortKey(value: unknown): number | string | undefined {
  if (typeof value === 'number' || value === undefined) return value
  return String(value).slice(0, SORTED_BY_LENGTH)
}
