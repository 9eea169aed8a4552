/**
 * Tables: sorted, filtered and linked to by the address, and smooth with any number of rows, since only those in sight are
 * there. Rows come from the page's memory or, page by page, from the broker.
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
  /** What the broker sorts by, or what the page does; without it the column cannot be sorted. */
  readonly sort?: string | ((row: T) => string | number)
  readonly numeric?: boolean
  /** CSS; the first column takes what is left. */
  readonly width?: string
  /** Left out where the window is narrower than that of a laptop (`tablet`), or than a tablet on its side (`phone`). */
  readonly hide?: 'phone' | 'tablet'
}

export interface Rows<T> {
  readonly total: number
  /** Without the filter; undefined where nobody knows. */
  readonly all: number | undefined
  /** undefined: not there yet */
  at(index: number): T | undefined
  readonly error: unknown
  readonly loading: boolean
  /** These are in sight. */
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

/** What the address says about a table. @param prefix where a page has several */
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
  /** For whoever cannot see it. */
  label: string
  id(row: T): string
  /** Where there are no rows at all. */
  empty: ComponentChildren
  /** As high as its rows, up to half a screen. */
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
                // A key of its own kind: names such as __proto__ are taken for something else.
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

/** What does not fit in a cell is told to whoever points at it. */
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
      // Numbers are asked for because of the large ones.
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

/** Which rows are in sight, with some around them. */
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
      // In steps, so that not each row that passes renders the table.
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

/** Rows that are all here. @param text what the filter looks at */
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
