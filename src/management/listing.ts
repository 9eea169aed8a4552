/** Lists as RabbitMQ gives them: pages, filters by name, sorting, columns (behaviour.md section 19). */
import { Readable } from 'node:stream'
import { InvalidRequest } from '../operations/invalid-request.ts'
import type { Json } from '../util/json.ts'
import { namesThatMatch, Pattern, PatternTooSlow } from '../util/pattern.ts'
import { nextTurn } from '../util/timers.ts'

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

function pieceOf(q: ListQuery): number {
  return Object.keys(q).some((name) => name.endsWith('_age')) ? PIECE_WITH_HISTORY : PIECE
}

const PAGE_SIZE = 100
/** Objects described before others have their turn; with the history of their numbers each one takes milliseconds. */
const PIECE = 250
const PIECE_WITH_HISTORY = 1
const PAGE_SIZE_MAX = 500
/** Longer lists come in the order of their making, unless the query says how to sort. */
const SORTED_MAX = 10_000
/** Columns have been chosen. */
const chosen = new WeakSet<object>()

/** One kind of object in lists: what it is called, and how it is described. */
export interface Listed<T> {
  name(item: T): string
  describe(item: T): Json
  /** Where there are such, lists have their order, and the names' within it. */
  vhost?(item: T): string
  /** Values to sort by without describing the whole object. */
  readonly keys?: { readonly [column: string]: (item: T) => unknown }
}

function valueAt(object: Json, path: string): unknown {
  let value: unknown = object
  for (const part of path.split('.')) value = own(value, part)
  return value
}

/** Only what the object has of its own: a column may be called anything. */
function own(object: unknown, name: string): unknown {
  if (object === null || typeof object !== 'object' || !Object.hasOwn(object, name)) return undefined
  return (object as Json)[name]
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1
  const [x, y] = [String(a), String(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

function positive(text: string, what: string, max: number): number {
  const n = /^\d+$/.test(text) ? Number(text) : 0
  if (n < 1 || n > max) throw new InvalidRequest(`invalid ${what}: ${text}`)
  return n
}

/** Nobody waits for the answer any more. */
export class Left extends Error {}

/** A long answer, as text, made while it is sent. */
export type LongAnswer = Readable

/**
 * Only what the answer shows is described. What takes long, a list without pages or the order of a column that has to be
 * described first, is done bit by bit, so that the broker does its work in between, and no longer than somebody waits.
 * @param gone whether whoever asks has left. @throws InvalidRequest; Left
 */
export async function listed<T>(
  items: Iterable<T>,
  kind: Listed<T>,
  q: ListQuery,
  gone: () => boolean = () => false,
): Promise<Json[] | Json | LongAnswer> {
  const all = [...items]
  const filtered = q.name === undefined || q.name === '' ? all : await filterByName(all, kind, q)
  const reverse = q.sort_reverse === 'true'
  const sorted =
    q.sort === undefined || q.sort === ''
      ? usualOrder(filtered, kind, reverse)
      : await sortBy(filtered, kind, q.sort, reverse, pieceOf(q), gone)
  const columns = q.columns?.split(',')
  const show = (item: T): Json => {
    const full = kind.describe(item)
    return columns === undefined ? full : pick(full, columns)
  }
  const piece = pieceOf(q)
  if (q.page === undefined)
    return sorted.length > piece ? longAnswer(sorted, show, piece) : marked(sorted.map(show))
  const pageSize = positive(q.page_size ?? String(PAGE_SIZE), 'page_size', PAGE_SIZE_MAX)
  const page = positive(q.page, 'page', Number.MAX_SAFE_INTEGER)
  const pageCount = Math.ceil(sorted.length / pageSize)
  if (page > Math.max(1, pageCount))
    throw new InvalidRequest(`page out of range, page: ${page} page count: ${pageCount}`)
  const shown = sorted.slice((page - 1) * pageSize, page * pageSize)
  const head = { filtered_count: sorted.length, item_count: shown.length }
  const rest = { page, page_count: pageCount, page_size: pageSize, total_count: all.length }
  if (piece === PIECE || shown.length <= piece) return marked({ ...head, items: shown.map(show), ...rest })
  const [before, after] = [JSON.stringify(head), JSON.stringify(rest)]
  return longAnswer(shown, show, piece, `${before.slice(0, -1)},"items":`, `,${after.slice(1)}`)
}

function marked<T extends object>(answer: T): T {
  chosen.add(answer)
  return answer
}

/** By vhost and name, as in RabbitMQ. */
function usualOrder<T>(items: readonly T[], kind: Listed<T>, reverse: boolean): readonly T[] {
  if (items.length > SORTED_MAX) return items
  const sign = reverse ? -1 : 1
  const keyed = items.map((item) => ({ item, vhost: kind.vhost?.(item) ?? '', name: kind.name(item) }))
  keyed.sort((a, b) => sign * (compare(a.vhost, b.vhost) || compare(a.name, b.name)))
  return keyed.map((k) => k.item)
}

/** What the query asks for of an answer that is no list with pages: an object, or a list of them. */
export function columnsOf(answer: unknown, { columns }: ListQuery): unknown {
  if (columns === undefined || answer === null || typeof answer !== 'object' || chosen.has(answer))
    return answer
  return pickAll(answer, columns.split(','))
}

/** @param before the list, and what comes behind it, as text */
function longAnswer<T>(
  items: readonly T[],
  show: (item: T) => Json,
  piece: number,
  before = '',
  after = '',
): LongAnswer {
  async function* pieces(): AsyncGenerator<string> {
    for (let at = 0; at < items.length; at += piece) {
      const texts = items.slice(at, at + piece).map((i) => JSON.stringify(show(i)))
      yield `${at === 0 ? `${before}[` : ','}${texts.join(',')}`
      await nextTurn()
    }
    yield `]${after}`
  }
  return Readable.from(pieces())
}

async function filterByName<T>(all: T[], kind: Listed<T>, q: ListQuery): Promise<T[]> {
  const wanted = q.name as string
  if (q.use_regex !== 'true') {
    const lower = wanted.toLowerCase()
    return all.filter((i) => kind.name(i).toLowerCase().includes(lower))
  }
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

async function sortBy<T>(
  items: readonly T[],
  kind: Listed<T>,
  column: string,
  reverse: boolean,
  piece: number,
  gone: () => boolean,
): Promise<T[]> {
  const quick = column === 'name' ? kind.name : (own(kind.keys, column) as ((item: T) => unknown) | undefined)
  const keyed: { item: T; key: unknown }[] = []
  for (const item of items) {
    keyed.push({ item, key: quick === undefined ? valueAt(kind.describe(item), column) : quick(item) })
    if (quick !== undefined || keyed.length % piece !== 0) continue
    await nextTurn()
    if (gone()) throw new Left()
  }
  keyed.sort((a, b) => compare(a.key, b.key) * (reverse ? -1 : 1))
  return keyed.map((k) => k.item)
}

/** Of objects within lists, too. */
function pickAll(value: unknown, columns: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((v) => pickAll(v, columns))
  return value !== null && typeof value === 'object' ? pick(value as Json, columns) : value
}

function pick(object: Json, columns: readonly string[]): Json {
  const out: Json = Object.create(null)
  const below = new Map<string, string[]>()
  for (const path of columns) {
    const dot = path.indexOf('.')
    const name = dot < 0 ? path : path.slice(0, dot)
    const value = own(object, name)
    if (value === undefined) continue
    if (dot < 0) out[name] = value
    else below.set(name, [...(below.get(name) ?? []), path.slice(dot + 1)])
  }
  for (const [name, paths] of below)
    if (!Object.hasOwn(out, name)) out[name] = pickAll(own(object, name), paths)
  return out
}
