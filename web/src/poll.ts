/** Polls data periodically: pauses in a hidden tab, and refreshes at once when the tab is visible again. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { changes, get, lostSince } from './api.ts'

export const POLL_MS = 5000
/** Polling interval while the broker does not respond. */
const RETRY_MS = 2000

export interface Polled<T> {
  readonly data: T | undefined
  readonly error: unknown
  /** When `data` arrived, in ms since 1970; 0 = not yet. */
  readonly at: number
  refresh(): void
}

interface State<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly at: number
  readonly key: string | undefined
}

/** @param key `read` is called at once when the key changes; undefined = do not read */
export function usePolling<T>(
  key: string | undefined,
  read: (signal: AbortSignal) => Promise<T>,
  everyMs = POLL_MS,
): Polled<T> {
  const [state, setState] = useState<State<T>>({ data: undefined, error: undefined, at: 0, key })
  const reader = useRef(read)
  reader.current = read
  const again = useRef(() => {})
  useEffect(() => {
    if (key === undefined) return undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let stop = new AbortController()
    let ended = false
    const run = async (): Promise<void> => {
      clearTimeout(timer)
      stop.abort()
      stop = new AbortController()
      const { signal } = stop
      let next = everyMs
      try {
        const data = await reader.current(signal)
        if (!signal.aborted) setState({ data, error: undefined, at: Date.now(), key })
      } catch (error) {
        next = Math.min(everyMs, POLL_MS)
        if (!signal.aborted)
          setState((before) => ({
            ...before,
            key,
            error,
            ...(before.key === key ? {} : { data: undefined }),
          }))
      }
      if (!signal.aborted && !ended && !document.hidden)
        timer = setTimeout(run, lostSince.get() === undefined ? next : RETRY_MS)
    }
    again.current = () => void run()
    const look = (): void => {
      clearTimeout(timer)
      if (!document.hidden) void run()
    }
    document.addEventListener('visibilitychange', look)
    const changed = changes.subscribe(() => void run())
    void run()
    return () => {
      ended = true
      clearTimeout(timer)
      stop.abort()
      document.removeEventListener('visibilitychange', look)
      changed()
    }
  }, [key, everyMs])
  const refresh = useCallback(() => again.current(), [])
  const current = state.key === key
  return {
    data: current ? state.data : undefined,
    error: current ? state.error : undefined,
    at: current ? state.at : 0,
    refresh,
  }
}

export function usePoll<T>(target: string | undefined, everyMs = POLL_MS): Polled<T> {
  return usePolling<T>(target, (signal) => get<T>(target as string, signal), everyMs)
}
