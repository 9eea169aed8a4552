/** Clients of a standby for which the active node is asked: a few at a time while others come. */
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { ASKED_MAX, ASKED_WHILE_ACCEPTING, AskingPlaces } from '../../src/cluster/asking.ts'

import { isAccepting, noteAccepted, soon } from '../../src/util/timers.ts'

const turn = (): Promise<void> => new Promise((resolve) => soon(resolve))

/** Clients, each at an address of its own, and the order in which their turns came. */
function clients(count: number): { places: AskingPlaces; asked: number[] } {
  const places = new AskingPlaces()
  const asked: number[] = []
  for (let i = 0; i < count; i++) {
    const socket = Object.assign(new PassThrough(), { remoteAddress: `10.0.0.${i}` })
    void places.turnOf(socket as unknown as Socket).then(() => asked.push(i))
  }
  return { places, asked }
}

it('are few while clients are being accepted: turns would be long, and each accepts one client', async () => {
  noteAccepted()
  const { places, asked } = clients(ASKED_MAX + 1)
  await Promise.resolve()
  expect(asked).toEqual([0, 1, 2, 3])
  expect(asked.length).toBe(ASKED_WHILE_ACCEPTING)
  places.leave()
  await Promise.resolve()
  expect(asked).toEqual([0, 1, 2, 3, 4])
  while (isAccepting()) await turn()
  // One has been answered: there is room for all.
  places.leave()
  await turn()
  expect(asked.length).toBe(ASKED_MAX + 1)
})

it('are no more than that while clients are being accepted, however many have been asked for before', async () => {
  const { places, asked } = clients(ASKED_MAX + 2)
  await Promise.resolve()
  expect(asked.length).toBe(ASKED_MAX)
  noteAccepted()
  for (let i = 0; i < ASKED_MAX - ASKED_WHILE_ACCEPTING; i++) places.leave()
  await Promise.resolve()
  expect(asked.length).toBe(ASKED_MAX)
  places.leave()
  await Promise.resolve()
  expect(asked.length).toBe(ASKED_MAX + 1)
})
