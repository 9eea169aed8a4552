/**
 * Tables whose order and filter are part of the URL. They scroll smoothly with any number of rows, since only visible
 * rows are rendered. Rows come from memory or, page by page, from the broker.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { count } from '../format.ts'
import { setQuery, usePlace } from '../router.ts'
import { Failure, Loading } from './basic.tsx'

export interface Column<T> {
  readonly key: string
  readonly title: string
  render(row: T): ComponentChildren
  /** The broker's sort key, or a function if the page sorts; without it the column cannot be sorted by. */
  readonly sort?: string | ((row: T) => string | number)
  readonly numeric?: boolean
  /** A CSS width; the first column takes the remaining width. */
  readonly width?: string
  /** Hidden in windows narrower than a laptop (`tablet`), or narrower than a tablet in landscape (`phone`). */
  readonly hide?: 'phone' | 'tablet'
}

export interface Rows<T> {
  readonly total: number
  /** Number of rows without the filter; undefined if unknown. */
  readonly all: number | undefined
  /** Returns undefined for a row that is not loaded yet. */
  at(index: number): T | undefined
  readonly error: unknown
  readonly loading: boolean
  /** Called with the range of visible rows. */
  show(first: number, last: number): void
}

export interface Order {
  readonly sort: string | undefined
  readonly descending: boolean
  readonly filter: string
  readonly regex: boolean
}

export const ROW_PX = 40
const ROWS_BEYOND = 8
const FILTER_PAUSE_MS = 200

/** The order and filter of a table in the URL. @param prefix of its query parameters, if a page has several tables */
export function useOrder(prefix = ''): Order {
  const { query } = usePlace()
  return {
    sort: query.get(`${prefix}sort`) ?? undefined,
    descending: query.get(`${prefix}desc`) === '1',
    filter: query.get(`${prefix}q`) ?? '',
    regex: query.get(`${prefix}regex`) === '1',
  }
}

export function Filter({ prefix = '', label, regex = false }: FilterProps) {
  const order = useOrder(prefix)
  const [text, setText] = useState(order.filter)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const typed = useRef(false)
  useEffect(() => {
    if (!typed.current) setText(order.filter)
  }, [order.filter])
  const change = (value: string): void => {
    setText(value)
    typed.current = true
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      typed.current = false
      setQuery({ [`${prefix}q`]: value })
    }, FILTER_PAUSE_MS)
  }
  return (
    <div class="filter">
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        spellcheck={false}
        onInput={(e) => change(e.currentTarget.value)}
      />
      {regex ? (
        <label class="check small" title="The filter is a regular expression, not anchored">
          <input
            type="checkbox"
            checked={order.regex}
            onChange={(e) => setQuery({ [`${prefix}regex`]: e.currentTarget.checked ? 1 : undefined })}
          />
          <span>regex</span>
        </label>
      ) : null}
    </div>
  )
}

interface FilterProps {
  prefix?: string
  label: string
  regex?: boolean
}

interface GridProps<T> {
  columns: readonly Column<T>[]
  rows: Rows<T>
  order: Order
  prefix?: string
  /** For screen readers. */
  label: string
  id(row: T): string
  /** Shown if there are no rows at all. */
  empty: ComponentChildren
  /** Whether the table is only as high as its rows, up to half a screen. */
  low?: boolean
}

export function Grid<T>({ columns, rows, order, prefix = '', label, id, empty, low }: GridProps<T>) {
  const box = useRef<HTMLDivElement>(null)
  const { first, last } = useSight(box, rows.total)
  useEffect(() => rows.show(first, last), [first, last, rows.show])
  if (rows.total === 0 && rows.error === undefined && !rows.loading)
    return <div class="empty">{order.filter === '' ? empty : 'Nothing fits the filter.'}</div>
  const shown = []
  for (let i = first; i < Math.min(last, rows.total); i++) shown.push(i)
  const width = columns.length
  return (
    <>
      <Failure error={rows.error} />
      <div class={low === true ? 'grid low' : 'grid'} ref={box}>
        <table aria-label={label} aria-rowcount={rows.total + 1} onPointerOver={tellWhole}>
          <colgroup>
            {columns.map((c) => (
              <col key={c.key} class={c.hide} style={c.width === undefined ? {} : { width: c.width }} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((c) => (
                <Head key={c.key} column={c} order={order} prefix={prefix} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Gap rows={first} columns={width} />
            {shown.map((i) => {
              const row = rows.at(i)
              return (
                // The prefix keeps Preact from mistaking a name such as __proto__ for a property.
                <tr key={row === undefined ? i : `row ${id(row)}`} aria-rowindex={i + 2}>
                  {columns.map((c) => (
                    <td key={c.key} class={cellClass(c)}>
                      {row === undefined ? '…' : c.render(row)}
                    </td>
                  ))}
                </tr>
              )
            })}
            <Gap rows={Math.max(0, rows.total - last)} columns={width} />
          </tbody>
        </table>
        {rows.loading && rows.total === 0 ? <Loading /> : null}
      </div>
    </>
  )
}

/** Shows the whole text of a truncated cell as a tooltip. */
function tellWhole(e: MouseEvent): void {
  const cell = e.target instanceof Element ? e.target.closest('td') : null
  if (cell === null) return
  const cut = cell.scrollWidth > cell.clientWidth
  if (cut) cell.title = cell.innerText
  else cell.removeAttribute('title')
}

function cellClass<T>(c: Column<T>): string {
  return `${c.numeric === true ? 'num ' : ''}${c.hide ?? ''}`
}

function Gap({ rows, columns }: { rows: number; columns: number }) {
  if (rows === 0) return null
  return (
    <tr class="gap">
      <td colSpan={columns} style={{ height: `${rows * ROW_PX}px` }} />
    </tr>
  )
}

function Head<T>({ column, order, prefix }: { column: Column<T>; order: Order; prefix: string }) {
  const sorted = order.sort === column.key
  const turn = (): void =>
    setQuery({
      [`${prefix}sort`]: column.key,
      // Numbers are sorted in descending order first: users look for the large ones.
      [`${prefix}desc`]: (sorted ? !order.descending : column.numeric === true) ? 1 : undefined,
    })
  return (
    <th
      scope="col"
      class={cellClass(column)}
      aria-sort={sorted ? (order.descending ? 'descending' : 'ascending') : undefined}
    >
      {column.sort === undefined ? (
        column.title
      ) : (
        <button type="button" class="sort" onClick={turn}>
          {column.title}
          <span aria-hidden="true">{sorted ? (order.descending ? '↓' : '↑') : ''}</span>
        </button>
      )}
    </th>
  )
}

/** The range of visible rows, with some rows around it. */
function useSight(box: { current: HTMLDivElement | null }, total: number): { first: number; last: number } {
  const [sight, setSight] = useState({ first: 0, last: 40 })
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return undefined
    let asked = 0
    const look = (): void => {
      asked = 0
      const top = Math.max(0, Math.floor(element.scrollTop / ROW_PX) - ROWS_BEYOND)
      const most = Math.ceil(element.clientHeight / ROW_PX) + 2 * ROWS_BEYOND
      // In steps of 4, so that the table is not rendered again for each row that scrolls by.
      const first = top - (top % 4)
      setSight((s) =>
        s.first === first && s.last === first + most + 4 ? s : { first, last: first + most + 4 },
      )
    }
    const later = (): void => {
      if (asked === 0) asked = requestAnimationFrame(look)
    }
    look()
    element.addEventListener('scroll', later, { passive: true })
    const size = new ResizeObserver(later)
    size.observe(element)
    return () => {
      cancelAnimationFrame(asked)
      element.removeEventListener('scroll', later)
      size.disconnect()
    }
  }, [box.current === null, total === 0])
  return sight
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a).localeCompare(String(b), 'en', { numeric: true })
}

/** Rows that are all in memory. @param text returns the text that the filter searches */
export function useLocalRows<T>(
  list: readonly T[] | undefined,
  columns: readonly Column<T>[],
  order: Order,
  text: (row: T) => string,
  error: unknown = undefined,
): Rows<T> {
  const sorted = useMemo(() => {
    const wanted = order.filter.toLowerCase()
    const found = (list ?? []).filter((r) => wanted === '' || text(r).toLowerCase().includes(wanted))
    const sort = columns.find((c) => c.key === order.sort)?.sort
    if (typeof sort !== 'function') return found
    const turn = order.descending ? -1 : 1
    return [...found].sort((a, b) => turn * compare(sort(a), sort(b)))
  }, [list, order.filter, order.sort, order.descending])
  return {
    total: sorted.length,
    all: list?.length,
    at: (i) => sorted[i],
    error,
    loading: list === undefined && error === undefined,
    show: nothing,
  }
}

function nothing(): void {}

function one(what: string): string {
  return what === 'policies' ? 'policy' : what.replace(/s$/, '')
}

export function Count({ rows, what }: { rows: Rows<never> | Rows<unknown>; what: string }) {
  const { total, all } = rows
  const text = all === undefined || all === total ? count(total) : `${count(total)} of ${count(all)}`
  return (
    <span class="muted count" aria-live="polite">
      {text} {(all ?? total) === 1 ? one(what) : what}
    </span>
  )
}
