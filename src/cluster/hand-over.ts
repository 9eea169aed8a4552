/** A planned switch: the active node stops serving, and appends the record by which another node takes over. */
import { type Clock, pauseOn } from '../util/clock.ts'
import type { Roles } from './roles.ts'

/** ms between two attempts while the log does not answer. */
const RETRY_MS = 300
const LOOK_MS = 5
/** ms within which the target of a handover has to take over. */
export const HAND_OVER_MS = 4000
/** The same while this node is stopping. */
const LEAVING_MS = 300

/** Appends the record by which that node takes over from the epoch. */
type Claim = (epoch: number, node: string) => void

export interface SwitchOptions {
  /** The name of this node, which is the active one. */
  readonly self: string
  readonly roles: Roles
  readonly clock: Clock
  /** Resolves when everything that was accepted is durable. */
  readonly settle: () => Promise<void>
  /** Called with false before anything is appended: two nodes must not serve at once. With true if nothing was. */
  readonly serve: (serves: boolean) => void
  /** Ends this node's ownership: it may not continue in its epoch. */
  readonly giveUp: (reason: string) => void
  readonly claim: Claim
}

/**
 * Makes that node the active one in place of this one. If that fails, this one serves again: in its epoch if nothing was
 * appended, otherwise in a new one, because the record may still be in flight to the log.
 * @throws Error with the reason if it fails
 */
export async function switchTo(node: string, options: SwitchOptions): Promise<void> {
  const { self, roles, clock, settle, serve, giveUp, claim } = options
  checkTarget(node, self, roles, clock.elapsed())
  const { epoch } = roles
  const unchanged = (): boolean => roles.epoch === epoch && roles.isOwner
  serve(false)
  try {
    await inTime(settle(), clock)
  } catch (error) {
    if (unchanged()) serve(true)
    throw error
  }
  if (!unchanged()) throw new Error('the active node has changed meanwhile')
  await handOver(roles, clock, HAND_OVER_MS, (early) => claim(epoch, early ? node : self))
  if (unchanged()) giveUp('the log has not answered a planned switch')
  if (roles.owner !== node) throw new Error(`node ${node} has not taken over`)
}

/** @throws the error of what is awaited, or Error if it takes too long */
function inTime(settled: Promise<void>, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = new Error('what was accepted could not be written in time')
    const timer = clock.after(HAND_OVER_MS, () => reject(late))
    settled.then(resolve, reject).finally(() => timer.cancel())
  })
}

/** Makes the best standby the active node, if there is one and this node was active. */
export async function leaveToStandby(roles: Roles, clock: Clock, claim: Claim): Promise<void> {
  const { epoch } = roles
  const next = bestStandby(roles, clock.elapsed())
  if (next !== undefined && roles.isOwner) await handOver(roles, clock, LEAVING_MS, () => claim(epoch, next))
}

/** @throws Error with the reason why that node cannot become the active one */
function checkTarget(node: string, self: string, roles: Roles, now: number): void {
  if (node === self) throw new Error(`node ${node} is the active one`)
  const { heartbeat } = roles.others.get(node) ?? {}
  if (heartbeat === undefined || !roles.isAlive(node, now)) throw new Error(`node ${node} cannot be heard`)
  if (heartbeat.state !== 'standby') throw new Error(`node ${node} is not ready: it is ${heartbeat.state}`)
}

/** The standby that has applied the most; undefined if no heartbeat of a standby has arrived lately. */
function bestStandby(roles: Roles, now: number): string | undefined {
  const ready = roles.heardNow(now).filter((h) => h.state === 'standby')
  return ready.sort((a, b) => b.applied - a.applied || (a.node < b.node ? -1 : 1))[0]?.node
}

/**
 * Appends the takeover record until the epoch has changed. A delayed record may still count, so if this takes too long
 * the node takes over from itself, and serves again under its own new epoch.
 */
async function handOver(
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
