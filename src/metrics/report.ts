/** The metrics of each object, written family by family in pieces. */

import type { Exchange } from '../broker/exchange/exchange.ts'
import { ofNow } from '../broker/jobs.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { ManagedNode } from '../management/managed-node.ts'
import { namesThatMatch } from '../util/pattern.ts'
import { nextTurn } from '../util/timers.ts'
import { channelFamilies, channelKind, connectionFamilies, connectionKind } from './clients.ts'
import { identityFamilies, wholeFamilies } from './families.ts'
import { nodeFamilies, runtimeFamilies, stateFamilies } from './node.ts'
import {
  exchangeFamilies,
  exchangeKind,
  forgetNumbers,
  type Kind,
  type Metric,
  type ObjectFamily,
  queueFamilies,
  queueKind,
  vhostFamilies,
  vhostKind,
} from './objects.ts'
import type { Selection } from './selection.ts'
import { type Family, head, labels, text } from './text.ts'

/** Objects described before yielding. */
const PIECE = 500

/** Objects listed before yielding. */
const LISTED = 10_000

interface Found<T> {
  readonly vhost: string
  readonly o: T
}

/** A metric with its name in the answer; each occurs once, even if it is in two families. */
type Named<T> = readonly [name: string, metric: Metric<T>, family: ObjectFamily<T>]

function chooses({ families }: Selection, family: string): boolean {
  return families?.has(family) !== false
}

/** Reports whether at least one of the families is requested. */
function shows(selection: Selection, families: readonly { readonly family: string }[]): boolean {
  return families.some(({ family }) => chooses(selection, family))
}

/** The objects of the vhosts; those that are added meanwhile may be among them or not. */
async function inAll<T>(
  vhosts: readonly Vhost[],
  of: (v: Vhost) => ReadonlyMap<string, T>,
): Promise<Found<T>[]> {
  const found: Found<T>[] = []
  for (const v of vhosts)
    for (const o of ofNow(of(v))) if (found.push({ vhost: v.name, o }) % LISTED === 0) await nextTurn()
  return found
}

export class Report {
  private readonly node: ManagedNode
  private readonly selection: Selection
  private readonly queues: readonly Found<Queue>[]
  private readonly exchanges: readonly Found<Exchange>[]
  private readonly vhosts: readonly Found<Vhost>[]

  private constructor(
    node: ManagedNode,
    selection: Selection,
    vhosts: readonly Vhost[],
    queues: readonly Found<Queue>[],
    exchanges: readonly Found<Exchange>[],
  ) {
    this.node = node
    this.selection = selection
    this.vhosts = vhosts.map((o) => ({ vhost: o.name, o }))
    this.queues = queues
    this.exchanges = exchanges
  }

  /** @throws PatternTooSlow */
  static async of(node: ManagedNode, selection: Selection): Promise<Report> {
    const { vhosts: chosen, pattern } = selection
    const all = [...(node.active?.model.broker.vhosts.values() ?? [])].filter(
      (v) => chosen?.has(v.name) !== false,
    )
    const matching = async <T extends { readonly name: string }>(found: Found<T>[]): Promise<Found<T>[]> =>
      pattern === undefined ? found : await namesThatMatch(pattern, found, ({ o }) => o.name)
    const queues = shows(selection, queueFamilies) ? await matching(await inAll(all, (v) => v.queues)) : []
    const exchanges = shows(selection, exchangeFamilies)
      ? await matching(await inAll(all, (v) => v.exchanges))
      : []
    return new Report(node, selection, all, queues, exchanges)
  }

  async *pieces(): AsyncGenerator<string> {
    const { node, selection } = this
    const { active } = node
    if (active !== undefined) yield text(identityFamilies(node, active, selection.endpoint))
    await nextTurn()
    yield text(this.ofNode())
    if (active === undefined) return
    active.model.broker.turn.pumpNow()
    yield* this.each(queueFamilies, this.queues, queueKind)
    yield* this.each(exchangeFamilies, this.exchanges, exchangeKind)
    yield* this.each(vhostFamilies, this.vhosts, vhostKind)
    const { connections } = active.server
    const found = <T>(objects: readonly T[]): Found<T>[] => objects.map((o) => ({ vhost: '', o }))
    if (shows(selection, connectionFamilies))
      yield* this.each(connectionFamilies, found([...connections]), connectionKind)
    if (shows(selection, channelFamilies))
      yield* this.each(channelFamilies, found([...connections].flatMap((c) => [...c.channels])), channelKind)
  }

  /** The requested families of the node, or all of them. */
  private ofNode(): Family[] {
    const { node } = this
    const families = Object.entries(nodeFamilies(node)).filter(([name]) => chooses(this.selection, name))
    const own = families.flatMap(([, list]) => list())
    if (this.selection.endpoint === 'detailed')
      return own.map((f) => ({ ...f, name: f.name.replace(/^rabbitmq_/, 'rabbitmq_detailed_') }))
    const whole = node.active === undefined ? [] : wholeFamilies(node.active)
    return [...own, ...stateFamilies(node), ...runtimeFamilies(), ...whole]
  }

  private async *each<T>(
    families: readonly ObjectFamily<T>[],
    objects: readonly Found<T>[],
    kind: Kind<T>,
  ): AsyncGenerator<string> {
    const labelled = new Map<unknown, string[]>()
    for (const [name, [, type, help, value], family] of this.named(families)) {
      yield head(name, type, help)
      let labelsOf = labelled.get(family.labels)
      if (labelsOf === undefined) {
        labelsOf = []
        for (const { vhost, o } of objects) {
          if (labelsOf.push(labels({ ...kind.labels(o, vhost), ...family.labels?.(o) })) % PIECE === 0)
            await nextTurn()
        }
        labelled.set(family.labels, labelsOf)
      }
      for (let at = 0; at < objects.length; at += PIECE) {
        let piece = ''
        for (let i = at; i < Math.min(at + PIECE, objects.length); i++) {
          const v = value((objects[i] as Found<T>).o)
          if (v !== undefined) piece += `${name}${labelsOf[i]} ${v}\n`
        }
        forgetNumbers()
        yield piece
        await nextTurn()
      }
    }
  }

  private named<T>(families: readonly ObjectFamily<T>[]): Named<T>[] {
    const prefix = this.selection.endpoint === 'detailed' ? 'rabbitmq_detailed_' : 'rabbitmq_'
    const out = new Map<string, Named<T>>()
    for (const family of families) {
      if (!chooses(this.selection, family.family)) continue
      for (const metric of family.metrics) {
        const name = `${family.cluster === true ? 'rabbitmq_cluster_' : prefix}${metric[0]}`
        if (!out.has(name)) out.set(name, [name, metric, family])
      }
    }
    return [...out.values()]
  }
}
