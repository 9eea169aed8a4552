/** The shovels of a broker: one for each parameter `shovel`, while the broker is open. */
import { randomInt } from 'node:crypto'
import type { Server } from '../connection/server.ts'
import type { Model } from '../model/model.ts'
import type { Parameter } from '../model/parameters.ts'
import { SHOVEL } from '../operations/parameters.ts'
import { nodeName } from '../util/node-name.ts'
import { nextTurn } from '../util/timers.ts'
import type { Shovel, ShovelStatus } from './shovel.ts'

const RANDOM_STEPS = 2 ** 32

interface Entry {
  readonly vhost: string
  readonly name: string
  /** The parameter with which it was started. */
  readonly parameter: Parameter
  readonly shovel: Promise<Shovel>
  /** Why its module could not be loaded. */
  failure: string | undefined
}

const keyOf = (p: { vhost: string; name: string }): string => `${p.vhost}\0${p.name}`

export class Shovels {
  private readonly model: Model
  private readonly server: Server
  private readonly entries = new Map<string, Entry>()
  /** Shovels whose module has been loaded. */
  private readonly loaded = new Map<string, Shovel>()
  /**
   * The end of each shovel that is being stopped: one that replaces it begins after that. Otherwise it would overtake the
   * messages that the other one still has.
   */
  private readonly stopping = new Map<string, Promise<void>>()
  private isOpen = false

  /** @param server of this broker, for URIs without a host */
  constructor(model: Model, server: Server) {
    this.model = model
    this.server = server
    model.parameters.watch((p) => {
      if (this.isOpen && p.component === SHOVEL) this.adjustOne(p)
    })
  }

  /** Starts the shovels once the broker has restored its store and applied its settings. */
  open(): void {
    this.isOpen = true
    this.adjust()
  }

  /** Starts, stops and restarts shovels to match the parameters. */
  adjust(): void {
    if (!this.isOpen) return
    for (const p of this.model.parameters.list()) if (p.component === SHOVEL) this.adjustOne(p)
    for (const e of this.entries.values()) this.adjustOne(e)
  }

  private adjustOne({ vhost, name }: { vhost: string; name: string }): void {
    const { parameters, broker } = this.model
    const wanted = broker.vhosts.has(vhost) ? parameters.get({ vhost, component: SHOVEL, name }) : undefined
    const key = keyOf({ vhost, name })
    const entry = this.entries.get(key)
    if (entry?.parameter === wanted) return
    if (entry !== undefined) this.remove(key, entry)
    if (wanted !== undefined) this.add(key, wanted)
  }

  private add(key: string, parameter: Parameter): void {
    const { model } = this
    const { vhost, name, value } = parameter
    const host = {
      vhost,
      name,
      get clusterName() {
        return model.identity.clusterName
      },
      server: this.server,
      random: () => randomInt(RANDOM_STEPS) / RANDOM_STEPS,
    }
    const id = { vhost, component: SHOVEL, name }
    // While it closed its connections, another one may have taken its place.
    const done = (): void => {
      if (model.parameters.get(id) === parameter) model.parameters.remove(id)
    }
    // Loaded on demand, because it loads amqplib; and in steps, so that very many shovels created or removed at once
    // take only as much of a turn as it has time for.
    const shovel = (this.stopping.get(key) ?? Promise.resolve())
      .then(() => import('./shovel.ts'))
      .then((m) => nextTurn().then(() => m))
      .then((m) => new m.Shovel(value, host, model.logger, done))
    const entry: Entry = { vhost, name, parameter, shovel, failure: undefined }
    this.entries.set(key, entry)
    shovel.then(
      (s) => {
        if (this.entries.get(key) === entry) this.loaded.set(key, s)
      },
      (err: Error) => {
        model.logger.error({ err, vhost, shovel: name }, 'a shovel cannot be started')
        entry.failure = err.message
      },
    )
  }

  private remove(key: string, e: Entry): void {
    this.entries.delete(key)
    this.loaded.delete(key)
    const stopped = e.shovel.then((s) => nextTurn().then(() => s.stop())).catch(() => {})
    this.stopping.set(key, stopped)
    void stopped.finally(() => {
      if (this.stopping.get(key) === stopped) this.stopping.delete(key)
    })
  }

  /** False if there is no such shovel. */
  restart(vhost: string, name: string): boolean {
    const key = keyOf({ vhost, name })
    const entry = this.entries.get(key)
    if (entry === undefined) return false
    this.remove(key, entry)
    this.adjust()
    return true
  }

  /** False if there is no such shovel. */
  delete(vhost: string, name: string): boolean {
    const p = { vhost, component: SHOVEL, name }
    const isThere = this.model.parameters.has(p)
    if (isThere) this.model.parameters.remove(p)
    return isThere
  }

  /** In the format of RabbitMQ's API. */
  list(vhosts: ReadonlySet<string>): Record<string, unknown>[] {
    this.adjust()
    return [...this.entries]
      .filter(([, e]) => vhosts.has(e.vhost))
      .map(([key, { vhost, name, failure }]) => {
        const status = this.loaded.get(key)?.status ?? notLoaded(failure)
        const { state, since, reason, details } = status
        return {
          node: nodeName,
          timestamp: timestampOf(since === 0 ? this.model.broker.clock.now() : since),
          name,
          vhost,
          type: 'dynamic',
          state,
          ...(reason === undefined ? {} : { reason }),
          ...details,
        }
      })
  }

  async close(): Promise<void> {
    this.isOpen = false
    for (const [key, e] of this.entries) this.remove(key, e)
    await Promise.all(this.stopping.values())
  }
}

function notLoaded(reason: string | undefined): ShovelStatus {
  return { state: reason === undefined ? 'starting' : 'terminated', since: 0, reason, details: {} }
}

/** RabbitMQ's format: `2026-11-26 9:05:00`, in UTC. */
function timestampOf(ms: number): string {
  const [day, time = ''] = new Date(ms).toISOString().split('T')
  return `${day} ${time.slice(0, 8).replace(/^0/, '')}`
}
