/** Rows of a list that the broker sorts, filters and pages: only visible pages are requested. */
import { useCallback, useRef, useState } from 'preact/hooks'
import { ApiError, get } from '../api.ts'
import { usePolling } from '../poll.ts'
import type { Page } from '../types.ts'
import type { Column, Order, Rows } from './grid.tsx'

const PAGE_SIZE = 100
const SCROLL_PAUSE_MS = 60

interface Cache<T> {
  readonly query: string
  readonly pages: Map<number, readonly T[]>
  total: number
  all: number | undefined
}

function queryOf<T>(
  columns: readonly Column<T>[],
  order: Order,
  only: readonly string[] | undefined,
): string {
  const q = new URLSearchParams({ page_size: String(PAGE_SIZE) })
  if (order.filter !== '') q.set('name', order.filter)
  if (order.filter !== '' && order.regex) q.set('use_regex', 'true')
  const sort = columns.find((c) => c.key === order.sort)?.sort
  if (typeof sort === 'string') {
    q.set('sort', sort)
    q.set('sort_reverse', String(order.descending))
  }
  if (only !== undefined) q.set('columns', only.join(','))
  return q.toString()
}

/** @param only the columns of the API to request; undefined = all */
export function useRemoteRows<T>(
  target: string | undefined,
  columns: readonly Column<T>[],
  order: Order,
  only?: readonly string[],
): Rows<T> {
  const query = queryOf(columns, order, only)
  const cache = useRef<Cache<T>>({ query: '', pages: new Map(), total: 0, all: undefined })
  const key = target === undefined ? undefined : `${target}?${query}`
  if (cache.current.query !== (key ?? ''))
    cache.current = { query: key ?? '', pages: new Map(), total: 0, all: undefined }
  const [sight, setSight] = useState({ first: 1, last: 1 })
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const read = async (signal: AbortSignal): Promise<number> => {
    const into = cache.current
    const last = Math.min(sight.last, Math.max(1, Math.ceil(into.total / PAGE_SIZE) || sight.last))
    for (let p = Math.min(sight.first, last); p <= last; p++) {
      const page = await pageOf<T>(`${key}&page=${p}`, signal)
      if (page === undefined) {
        // The list has become shorter in the meantime.
        into.pages.clear()
        setSight({ first: 1, last: 1 })
        break
      }
      into.pages.set(p, page.items)
      into.total = page.filtered_count
      into.all = page.total_count
    }
    return Date.now()
  }
  const { error, data } = usePolling(
    key === undefined ? undefined : `${key}#${sight.first}-${sight.last}`,
    read,
  )
  const show = useCallback((first: number, last: number) => {
    const pages = {
      first: Math.floor(first / PAGE_SIZE) + 1,
      last: Math.max(1, Math.ceil(last / PAGE_SIZE)),
    }
    clearTimeout(timer.current)
    timer.current = setTimeout(
      () => setSight((s) => (s.first === pages.first && s.last === pages.last ? s : pages)),
      SCROLL_PAUSE_MS,
    )
  }, [])
  const { pages, total, all } = cache.current
  return {
    total,
    all,
    at: (i) => pages.get(Math.floor(i / PAGE_SIZE) + 1)?.[i % PAGE_SIZE],
    error,
    loading: data === undefined && pages.size === 0 && error === undefined,
    show,
  }
}

/** Returns undefined if the page no longer exists. */
async function pageOf<T>(target: string, signal: AbortSignal): Promise<Page<T> | undefined> {
  try {
    return await get<Page<T>>(target, signal)
  } catch (error) {
    if (error instanceof ApiError && error.message.includes('page out of range')) return undefined
    throw error
  }
}
