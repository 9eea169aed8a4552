/**
 * Web pages in a browser on the broker's machine. Any page that somebody opens there can reach the broker: it may open
 * WebSockets, send forms to `http://guest:guest@localhost`, and have a name of its own resolve to 127.0.0.1 (DNS
 * rebinding). So pages from elsewhere are no clients of the same machine, to which users such as guest are restricted.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { isLoopback } from '../connection/login.ts'

/** Characters that are shown of a name. */
const SHOWN_MAX = 255

/** Whether a browser names the origin of a page that is not from this machine. Other clients name none. */
export function isForeignOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return false
  const name = URL.canParse(origin) ? nameIn(new URL(origin)) : ''
  return name !== 'localhost' && !(isIP(name) !== 0 && isLoopback(name))
}

/**
 * What shows that a request comes from a page that is not from this machine, or may come from one: its origin, or the host
 * for which it asks. undefined if nothing does.
 * @param allowed origins whose pages may use the API (CORS), `*` for all
 */
export function foreignPage(
  { origin, host }: IncomingHttpHeaders,
  allowed: readonly string[],
): string | undefined {
  if (allowed.includes('*') || (origin !== undefined && allowed.includes(origin))) return undefined
  if (isForeignOrigin(origin)) return origin?.slice(0, SHOWN_MAX)
  return isForeignHost(host) ? host?.slice(0, SHOWN_MAX) : undefined
}

/**
 * Whether the host is a name that anybody can register, and that may resolve to this machine for a moment: not an address,
 * and not a name without dots, which belongs to this machine or its network.
 */
function isForeignHost(host = ''): boolean {
  if (host === '') return false
  if (!URL.canParse(`http://${host}`)) return true
  const name = nameIn(new URL(`http://${host}`))
  const isOwn = isIP(name) !== 0 || !name.includes('.') || name.endsWith('.localhost')
  return !isOwn && name !== hostname().toLowerCase()
}

/** The host without brackets, and without the dot that may end a name. */
function nameIn(url: URL): string {
  return url.hostname.replace(/^\[|\]$|\.$/g, '')
}
