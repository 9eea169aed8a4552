/** The log is deleted and made anew while nodes run: what was confirmed is in the store of the active node only. */
import { describe, expect, it } from 'vitest'
import type { Heartbeat, NodeState } from '../../src/cluster/heartbeat.ts'
import { startOfLog } from '../../src/cluster/ledger.ts'
import { storedPlace } from '../../src/cluster/replica-store.ts'
import { Roles } from '../../src/cluster/roles.ts'
import { type SimNode, World } from './world.ts'

/** A cluster whose standbys lack what was confirmed last. */
async function ahead(): Promise<{ world: World; active: SimNode; others: SimNode[] }> {
  const world = new World(1, ['a', 'b', 'c'])
  world.heal()
  await world.clock.run(4000, () => world.look())
  const active = world.nodes.find((n) => n.serves) as SimNode
  const others = world.nodes.filter((n) => n !== active)
  for (const n of others) n.lag = 600
  for (let i = 0; i < 5; i++) world.ask(active)
  await world.clock.run(30, () => world.look())
  expect(world.confirms).toBe(5)
  expect(others.map((n) => n.member?.session?.ledger.number)).not.toContain(
    active.member?.session?.ledger.number,
  )
  return { world, active, others }
}

async function outcome(world: World): Promise<unknown> {
  await world.clock.run(15_000, () => world.look())
  const serving = world.nodes.filter((n) => n.serves)
  world.opened(serving[0]?.broker?.names ?? new Set())
  return { serving: serving.map((n) => n.name), failures: world.failures }
}

describe('a log that is made anew goes on from the node that has the most', () => {
  it('if that node notices it first', async () => {
    const { world, active, others } = await ahead()
    world.hub.forget()
    await world.clock.run(700, () => world.look())
    for (const n of others) n.lag = 0
    expect(await outcome(world)).toEqual({ serving: [active.name], failures: [] })
  })

  it('if that node notices it last', async () => {
    const { world, active, others } = await ahead()
    for (const n of others) n.lag = 0
    active.lag = 3000
    world.hub.forget()
    active.lag = 0
    expect(await outcome(world)).toEqual({ serving: [active.name], failures: [] })
  })

  it('though it counts its records anew, from below where these nodes took over in the former one', async () => {
    const world = new World(1, ['a', 'b'])
    world.heal()
    await world.clock.run(60_000, () => world.look())
    for (let i = 0; i < 2; i++) {
      const from = world.nodes.find((n) => n.serves) as SimNode
      const to = world.nodes.find((n) => n !== from) as SimNode
      from.member?.promote(to.name).catch(() => {})
      await world.clock.run(60_000, () => world.look())
    }
    world.hub.forget()
    expect(await outcome(world)).toEqual({ serving: [expect.any(String)], failures: [] })
  })

  it('if that node could not prove for long that it is active', () => {
    const roles = new Roles({ node: 'b', run: '1', failoverAfterMs: 1000 }, 0)
    const heard = (node: string, state: NodeState, applied: number, now: number): unknown =>
      roles.heard({ node, state, applied, epoch: 1 } as Heartbeat, now)
    roles.begin({ ...startOfLog, number: 3 }, 0)
    roles.mayClaim = true
    roles.tookOver({ epoch: 1, node: 'a', run: '1', by: 'a' }, 0)
    for (let now = 0; now < 16_000; now += 200) {
      heard('a', 'fenced', 5, now)
      heard('b', 'standby', 3, now)
    }
    expect(roles.tick(16_000)).toEqual([{ do: 'claim', epoch: 1 }])
    roles.begin({ ...startOfLog, number: 3 }, 16_000)
    roles.mayClaim = true
    expect(roles.tick(16_000)).toEqual([])
    for (let now = 16_000; now < 20_000; now += 200) {
      heard('a', 'joining', 5, now)
      heard('b', 'standby', 3, now)
      expect(roles.tick(now)).toEqual([])
    }
    // Once it is gone for good, the others have nothing to wait for.
    for (let now = 20_000; now < 22_000; now += 200) heard('b', 'standby', 3, now)
    expect(roles.tick(22_000)).toEqual([{ do: 'claim', epoch: 0 }])
  })
})

describe('a log whose servers have an older copy of it', () => {
  it('has no active node until it is deleted; then a new one begins with all that was confirmed', async () => {
    const { world, others } = await ahead()
    for (const n of others) n.lag = 0
    await world.clock.run(5000, () => world.look())
    for (const n of world.nodes) {
      n.kill()
      await world.clock.run(40, () => world.look())
    }
    // Without the last batches that the nodes have.
    world.hub.records.length = Math.min(...world.nodes.map((n) => storedPlace(n.store).sequence)) - 1
    for (const n of world.nodes) n.start()
    await world.clock.run(30_000, () => world.look())
    expect([world.nodes.filter((n) => n.serves).length, world.failures]).toEqual([0, []])
    world.hub.forget()
    expect(await outcome(world)).toEqual({ serving: [expect.any(String)], failures: [] })
  })
})
