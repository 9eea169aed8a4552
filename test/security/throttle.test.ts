/** Logins that wait since their address has been refused again and again: all of them are due at the same time. */
import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { LOGIN_DELAY_MS_MAX } from '../../src/limits.ts'
import { LoginThrottle } from '../../src/security/throttle.ts'
import type { Timer } from '../../src/util/clock.ts'
import { elapsed } from '../../src/util/timers.ts'
import { ManualClock } from '../support/manual-clock.ts'

class CountingClock extends ManualClock {
  waiting = 0
  override after(ms: number, action: () => void): Timer {
    this.waiting++
    const over = (): void => void this.waiting--
    const timer = super.after(ms, () => {
      over()
      action()
    })
    return {
      cancel: () => {
        over()
        timer.cancel()
      },
    }
  }
}

class Client extends EventEmitter {
  destroyed = false
  leave(): void {
    this.destroyed = true
    this.emit('close')
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function refusedAgainAndAgain(): { throttle: LoginThrottle; clock: CountingClock } {
  const [throttle, clock] = [new LoginThrottle(), new CountingClock()]
  for (let i = 0; i < 10; i++) throttle.refused('a', clock.elapsed())
  return { throttle, clock }
}

it('take turns once they are due', async () => {
  const { throttle, clock } = refusedAgainAndAgain()
  let now = 0
  const turns: number[] = []
  const count = 5
  for (let i = 0; i < count; i++)
    throttle.wait('a', clock, new Client()).then(() => {
      turns.push(now)
      const until = elapsed() + 25
      while (elapsed() < until);
    })
  clock.pass(LOGIN_DELAY_MS_MAX)
  for (; turns.length < count; now++) await turn()
  expect(new Set(turns).size).toBe(count)
})

it('are forgotten with the clients that leave, before they are due and behind that', async () => {
  const { throttle, clock } = refusedAgainAndAgain()
  const clients = Array.from({ length: 100 }, () => new Client())
  let processed = 0
  for (const client of clients) throttle.wait('a', clock, client).then(() => processed++)
  expect(clock.waiting).toBe(100)
  for (const client of clients.slice(0, 90)) client.leave()
  expect(clock.waiting).toBe(10)
  clock.pass(LOGIN_DELAY_MS_MAX)
  for (const client of clients.slice(90, 95)) client.leave()
  for (let i = 0; i < 20; i++) await turn()
  expect(processed).toBe(5)
  expect(clients.map((c) => c.listenerCount('close'))).toEqual(clients.map(() => 0))
})
