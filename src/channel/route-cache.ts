// hot: per message
/**
 * A channel's cache of routes by the raw octets of exchange and routing key: a repeated publish neither decodes names
 * nor looks up bindings. Any change of the topology invalidates it.
 */
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { Route } from '../broker/router.ts'
import { FAN_OUT_QUEUES, ROUTES_PER_CHANNEL } from '../limits.ts'

/** Of routes to more queues than this, only the last one is cached; of routes to very many queues, none. */
const QUEUES_REMEMBERED = 64

export interface CachedRoute {
  /** Exchange and routing key as two short strings. */
  readonly names: Uint8Array
  readonly route: Route
  /** The exchange published to. */
  readonly exchange: Exchange
}

export class RouteCache {
  private slots: (CachedRoute | undefined)[] | undefined
  private last: CachedRoute | undefined
  private version = 0

  find(source: Uint8Array, start: number, end: number, version: number): CachedRoute | undefined {
    if (version !== this.version) {
      this.clear(version)
      return undefined
    }
    const last = this.last
    if (last !== undefined && equal(last.names, source, start, end)) return last
    if (this.slots === undefined) return undefined
    const found = this.slots[hash(source, start, end)]
    if (found === undefined || !equal(found.names, source, start, end)) return undefined
    this.last = found
    return found
  }

  add(route: CachedRoute, version: number): void {
    if (version !== this.version) this.clear(version)
    const { length } = route.route.queues
    // Each route has its own list of queues, and there may be very many channels.
    if (length > FAN_OUT_QUEUES) return
    this.last = route
    if (length > QUEUES_REMEMBERED) return
    this.slots ??= new Array(ROUTES_PER_CHANNEL).fill(undefined)
    this.slots[hash(route.names, 0, route.names.length)] = route
  }

  private clear(version: number): void {
    this.version = version
    this.slots = undefined
    this.last = undefined
  }
}

function equal(names: Uint8Array, source: Uint8Array, start: number, end: number): boolean {
  if (names.length !== end - start) return false
  // Compared from the end, where keys differ most.
  for (let i = names.length - 1, at = end - 1; i >= 0; i--, at--) if (names[i] !== source[at]) return false
  return true
}

/** FNV-1a, folded to a slot number. */
function hash(b: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5
  for (let i = start; i < end; i++) h = Math.imul(h ^ (b[i] as number), 0x01000193)
  return (h ^ (h >>> 15)) & (ROUTES_PER_CHANNEL - 1)
}
