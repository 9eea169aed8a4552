/** Routes in the URL's fragment, `#/queues/%2F/work?sort=messages`, like RabbitMQ's UI, so that links keep working. */
import { useEffect, useState } from 'preact/hooks'
import { enc } from './api.ts'

export interface Place {
  /** The decoded parts of the path; empty = the overview. */
  readonly parts: readonly string[]
  readonly query: URLSearchParams
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function placeOf(hash: string): Place {
  const [way = '', query = ''] = hash.replace(/^#/, '').split(/\?(.*)/s)
  return {
    parts: way
      .split('/')
      .filter((p) => p !== '')
      .map(decode),
    query: new URLSearchParams(query),
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>

/** The URL of a place, for links. */
export function to(parts: readonly string[], query: Query = {}): string {
  const way = parts.map(enc).join('/')
  const asked = new URLSearchParams()
  for (const [name, v] of Object.entries(query)) if (v !== undefined && v !== '') asked.set(name, String(v))
  const text = asked.toString()
  return `#/${way}${text === '' ? '' : `?${text}`}`
}

export function go(parts: readonly string[], query: Query = {}): void {
  location.hash = to(parts, query)
}

/** Changes query parameters of the current place, without a new entry in the browser's history. */
export function setQuery(more: Query): void {
  const { parts, query } = placeOf(location.hash)
  const all: Record<string, string | undefined> = { ...Object.fromEntries(query) }
  for (const [name, v] of Object.entries(more)) all[name] = v === undefined ? undefined : String(v)
  const target = to(parts, all)
  if (target === location.hash) return
  history.replaceState(null, '', target)
  dispatchEvent(new HashChangeEvent('hashchange'))
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash))
  useEffect(() => {
    const look = (): void => setPlace(placeOf(location.hash))
    addEventListener('hashchange', look)
    return () => removeEventListener('hashchange', look)
  }, [])
  return place
}
