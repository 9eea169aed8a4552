/** A planned switch: the active node stops serving, and appends the record by which another node takes over. */
import { type Clock, pauseOn } from '../util/clock.ts'
import type { Roles } from './roles.ts'

/** ms between two attempts while the log does not answer. */
const RETRY_MS = 300
const LOOK_MS = 5

/** @throws Error with the reason why that node cannot become the active one */
export function checkTarget(node: string, self: string, roles: Roles, now: number): void {
  if (node === self) throw new Error(`node ${node} is the active one`)
  const { heartbeat } = roles.others.get(node) ?? {}
  if (heartbeat === undefined || !roles.isAlive(node, now)) throw new Error(`node ${node} cannot be heard`)
  if (heartbeat.state !== 'standby') throw new Error(`node ${node} is not ready: it is ${heartbeat.state}`)
}

/** The standby that has applied the most; undefined if no heartbeat of a standby has arrived lately. */
export function bestStandby(roles: Roles, now: number): string | undefined {
  const ready = roles.heardNow(now).filter((h) => h.state === 'standby')
  return ready.sort((a, b) => b.applied - a.applied || (a.node < b.node ? -1 : 1))[0]?.node
}

/**
 * Appends the takeover record until the epoch has changed. A delayed record may still count, so if this takes too long
 * the node takes over from itself, and serves again under its own new epoch.
 */
export async function handOver(
  roles: Roles,
  clock: Clock,
  msMax: number,
  claim: (inTime: boolean) => void,
): Promise<void> {
  const { epoch } = roles
  const until = clock.elapsed() + msMax
  while (roles.epoch === epoch && clock.elapsed() < 2 * msMax + until) {
    claim(clock.elapsed() < until)
    for (let waited = 0; roles.epoch === epoch && waited < RETRY_MS; waited += LOOK_MS)
      await pauseOn(clock, LOOK_MS)
  }
}
