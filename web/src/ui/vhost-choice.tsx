/** Of which virtual host lists are. */
import { get } from '../api.ts'
import { usePolling } from '../poll.ts'
import { setQuery } from '../router.ts'
import type { Vhost } from '../types.ts'

const VHOSTS_POLL_MS = 30_000

/** Their names. */
export function useVhosts(): readonly string[] {
  const { data } = usePolling(
    'vhosts',
    (signal) => get<readonly Vhost[]>('vhosts?columns=name', signal),
    VHOSTS_POLL_MS,
  )
  return data?.map((v) => v.name) ?? []
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
          {v}
        </option>
      ))}
    </select>
  )
}
