/** Frames that are held for two reasons at a time, such as much data that waits for the disk and a commit. */

import { expect, it } from 'vitest'
import type { DurableWaiter } from '../../src/channel/client.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { Pauses } from '../../src/connection/pauses.ts'
import { Replies } from '../../src/connection/replies.ts'

function start() {
  const waiters: DurableWaiter[] = []
  const commit = { durable: 0, latest: 1, requestFlush: () => {} }
  const done: string[] = []
  const next: (() => void)[] = []
  const connection = {
    broker: { commit, turn: { schedule: () => {} }, overloaded: true },
    server: { awaitDurable: (w: DurableWaiter) => waiters.push(w) },
    intake: {
      goOn: () => {
        done.push('goes on')
        next.shift()?.()
      },
    },
    state: 'open',
  }
  const replies = new Replies(
    connection as unknown as Connection,
    new Pauses({ pause: () => {}, resume: () => {} }),
  )
  /** As the server does. */
  const written = (): void => {
    commit.durable = commit.latest++
    const waiting = waiters.splice(0)
    for (const w of waiting) if (w.becameDurable()) waiters.push(w)
  }
  return { connection, replies, waiters, written, done, next }
}

it('wait once, however often that happens', () => {
  const { connection, replies, waiters, written, done, next } = start()
  const commit = (): void => {
    replies.holdUntilDurable(undefined)
    replies.holdUntilDurable(() => done.push('answered'))
  }
  for (let i = 0; i < 10; i++) next.push(commit)
  commit()
  expect(waiters.length).toBe(1)
  for (let i = 0; i < 10; i++) written()
  expect(waiters.length).toBe(1)
  expect(done).toEqual(Array.from({ length: 10 }, () => ['answered', 'goes on']).flat())
  written()
  expect([waiters.length, done.length]).toEqual([0, 22])
  replies.holdUntilDurable(undefined)
  written()
  expect([waiters.length, done.length]).toEqual([1, 22])
  connection.broker.overloaded = false
  written()
  expect([waiters.length, done.length]).toEqual([0, 23])
})
