/** Simulated time: events happen one after the other, each with all that its promises bring, and nothing else passes. */
import type { Clock, Timer } from '../../src/util/clock.ts'

interface Event {
  readonly at: number
  readonly order: number
  readonly action: () => void
}

export class WorldClock implements Clock {
  private time = 0
  private order = 0
  /** A heap, the next one first. */
  private readonly events: Event[] = []

  now(): number {
    return 1_700_000_000_000 + this.time
  }

  elapsed(): number {
    return this.time
  }

  after(ms: number, action: () => void): Timer {
    let cancelled = false
    this.push({
      at: this.time + Math.max(0, ms),
      order: this.order++,
      action: () => {
        if (!cancelled) action()
      },
    })
    return {
      cancel: () => {
        cancelled = true
      },
    }
  }

  defer(action: () => void): void {
    this.after(0, action)
  }

  /** Lets time pass, event by event. @param afterEach looks at the world when one is over */
  async run(ms: number, afterEach: () => void = () => {}): Promise<void> {
    const end = this.time + ms
    for (let e = this.events[0]; e !== undefined && e.at <= end; e = this.events[0]) {
      this.pop()
      this.time = e.at
      e.action()
      await settled()
      afterEach()
    }
    this.time = end
  }

  private push(e: Event): void {
    const { events } = this
    let i = events.push(e) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!isBefore(e, events[up] as Event)) break
      events[i] = events[up] as Event
      i = up
    }
    events[i] = e
  }

  private pop(): void {
    const { events } = this
    const last = events.pop() as Event
    if (events.length === 0) return
    let i = 0
    for (;;) {
      let next = 2 * i + 1
      if (next >= events.length) break
      if (next + 1 < events.length && isBefore(events[next + 1] as Event, events[next] as Event)) next++
      if (!isBefore(events[next] as Event, last)) break
      events[i] = events[next] as Event
      i = next
    }
    events[i] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** All promises that can go on have done so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The time of one process, which can be stopped for a while, or for good. */
export class ProcessClock implements Clock {
  private readonly world: WorldClock
  private stopped = false
  private dead = false
  private held: (() => void)[] = []

  constructor(world: WorldClock) {
    this.world = world
  }

  now(): number {
    return this.world.now()
  }

  elapsed(): number {
    return this.world.elapsed()
  }

  after(ms: number, action: () => void): Timer {
    let cancelled = false
    const run = (): void => {
      if (cancelled || this.dead) return
      if (this.stopped) this.held.push(run)
      else action()
    }
    this.world.after(ms, run)
    return {
      cancel: () => {
        cancelled = true
      },
    }
  }

  defer(action: () => void): void {
    this.after(0, action)
  }

  get isStopped(): boolean {
    return this.stopped
  }

  stop(): void {
    this.stopped = true
  }

  /** What was due meanwhile happens now, in its order. */
  goOn(): void {
    this.stopped = false
    const held = this.held
    this.held = []
    for (const run of held) this.world.after(0, run)
  }

  kill(): void {
    this.dead = true
    this.held = []
  }
}
