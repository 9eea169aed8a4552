/** Choices of a virtual host, for lists and for forms. */
import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { get } from '../api.ts'
import { visible } from '../format.ts'
import { usePolling } from '../poll.ts'
import { setQuery } from '../router.ts'
import type { Vhost } from '../types.ts'
import { Choice } from './form.tsx'

const VHOSTS_POLL_MS = 30_000

/** The names of the virtual hosts. */
export function useVhosts(): readonly string[] {
  const { data } = usePolling(
    'vhosts',
    (signal) => get<readonly Vhost[]>('vhosts?columns=name', signal),
    VHOSTS_POLL_MS,
  )
  return data?.map((v) => v.name) ?? []
}

/** A field for the virtual host in a form. Default: `first`, or the first of the list. */
export function useVhostField(first = ''): readonly [string, VNode] {
  const vhosts = useVhosts()
  const [chosen, choose] = useState(first)
  const vhost = chosen === '' ? (vhosts[0] ?? '/') : chosen
  const names = vhosts.map((v) => [v, v] as const)
  return [vhost, <Choice key="vhost" label="Virtual host" value={vhost} change={choose} of={names} />]
}

export function VhostChoice({ value }: { value: string }) {
  const vhosts = useVhosts()
  if (vhosts.length < 2 && value === '') return null
  const all = vhosts.includes(value) || value === '' ? vhosts : [...vhosts, value]
  return (
    <select
      aria-label="Virtual host"
      value={value}
      onChange={(e) => setQuery({ vhost: e.currentTarget.value })}
    >
      <option value="">All virtual hosts</option>
      {all.map((v) => (
        <option key={`vhost ${v}`} value={v} selected={v === value}>
          {visible(v)}
        </option>
      ))}
    </select>
  )
}
