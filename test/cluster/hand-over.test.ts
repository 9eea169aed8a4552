/** A planned switch that fails: the node that was active must not stay without clients. */
import { describe, expect, it } from 'vitest'
import { StorageError } from '../../src/storage/storage.ts'
import { type SimNode, World } from './world.ts'

/** A cluster of nodes without faults, after its start. */
async function healthy(...names: string[]): Promise<{ world: World; active: SimNode; other: SimNode }> {
  const world = new World(1, names)
  world.heal()
  await world.clock.run(4000, () => world.look())
  const active = world.nodes.find((n) => n.serves) as SimNode
  const other = world.nodes.find((n) => n !== active) as SimNode
  return { world, active, other }
}

/** Starts the switch; returns a function with its outcome so far. */
function promoted(active: SimNode, other: SimNode): () => string | undefined {
  let outcome: string | undefined
  active.member?.promote(other.name).then(
    () => {
      outcome = 'done'
    },
    (error: Error) => {
      outcome = error.message
    },
  )
  return () => outcome
}

describe('a node whose planned switch fails', () => {
  it('serves again when the store refuses what was accepted, and can be switched later', async () => {
    const { world, active, other } = await healthy('a', 'b')
    const settles = active.settles
    active.settles = () => Promise.reject(new StorageError('IO', 'the disk is broken'))
    const first = promoted(active, other)
    await world.clock.run(1000, () => world.look())
    expect([first(), active.serves, active.member?.state]).toEqual(['the disk is broken', true, 'serving'])
    active.settles = settles
    const second = promoted(active, other)
    await world.clock.run(1000, () => world.look())
    expect([second(), other.serves]).toEqual(['done', true])
    expect(world.failures).toEqual([])
  })

  it('serves again when what was accepted is not written in time', async () => {
    const { world, active, other } = await healthy('a', 'b')
    active.settles = () => new Promise(() => {})
    const outcome = promoted(active, other)
    await world.clock.run(1000, () => world.look())
    expect(active.serves).toBe(false)
    await world.clock.run(4000, () => world.look())
    expect([outcome(), active.serves]).toEqual(['what was accepted could not be written in time', true])
    expect(world.failures).toEqual([])
  })

  it('is taken over anew when the log has not answered, though the other node cannot take over', async () => {
    const { world, active, other } = await healthy('a', 'b')
    active.mute = other.mute = true
    const outcome = promoted(active, other)
    await world.clock.run(13_000, () => world.look())
    expect([outcome(), active.serves]).toEqual([`node ${other.name} has not taken over`, false])
    active.mute = false
    await world.clock.run(20_000, () => world.look())
    expect([active.serves, active.member?.state]).toEqual([true, 'serving'])
    expect(world.failures).toEqual([])
  })
})
