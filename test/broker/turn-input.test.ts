/** The requests of all connections share the time of a turn. */
import { describe, expect, it } from 'vitest'
import { type Resumed, STRANGERS_INPUT_MS_PER_TURN, Turn } from '../../src/broker/turn.ts'
import { INPUT_MS_PER_TURN } from '../../src/limits.ts'
import { ManualClock } from '../support/manual-clock.ts'

class StepClock extends ManualClock {
  private readonly waiting: (() => void)[] = []
  override defer(action: () => void): void {
    this.waiting.push(action)
  }
  one(): void {
    this.waiting.shift()?.()
  }
  get pending(): number {
    return this.waiting.length
  }
}

function start() {
  const clock = new StepClock()
  const turn = new Turn(clock, () => {}, { failed: () => {} })
  const order: string[] = []
  const reader = (name: string, ms: number): Resumed => ({
    resumeReading: () => {
      order.push(name)
      turn.handledInput(ms)
    },
    failed: () => {},
  })
  return { clock, turn, order, reader }
}

describe('connections that wait for their share', () => {
  it('go on in their order, as many in a turn as there is time for', () => {
    const { clock, turn, order, reader } = start()
    for (let i = 0; i < 10; i++) turn.resumeLater(reader(String(i), INPUT_MS_PER_TURN / 4))
    clock.one()
    expect(order).toEqual(['0', '1', '2', '3'])
    clock.one()
    clock.one()
    expect(order).toEqual(Array.from({ length: 10 }, (_, i) => String(i)))
  })

  it('are behind those that have had nothing yet', () => {
    const { clock, turn, order, reader } = start()
    for (let i = 0; i < 3; i++) turn.resumeLater(reader(`busy${i}`, INPUT_MS_PER_TURN))
    turn.resumeFirst(reader('quiet', 0))
    clock.one()
    expect(order).toEqual(['quiet', 'busy0'])
    turn.resumeFirst(reader('late', 0))
    clock.one()
    expect(order).toEqual(['quiet', 'busy0', 'late', 'busy1'])
    clock.one()
    expect(order.length).toBe(5)
  })

  it('are not passed by those that come later and have had nothing either', () => {
    const { clock, turn, order, reader } = start()
    for (const name of ['a', 'b', 'c']) turn.resumeFirst(reader(name, INPUT_MS_PER_TURN))
    for (const later of ['d', 'e', 'f']) {
      clock.one()
      turn.resumeFirst(reader(later, INPUT_MS_PER_TURN))
    }
    expect(order).toEqual(['a', 'b', 'c'])
  })

  it('do not wait for strangers, however many those are and however much they send', () => {
    const { clock, turn, order, reader } = start()
    const again = (name: string): Resumed => {
      const { resumeReading, failed } = reader(name, 0)
      const stranger = {
        resumeReading: () => {
          resumeReading()
          turn.handledStrangersInput(STRANGERS_INPUT_MS_PER_TURN)
          turn.resumeStranger(stranger, 'one')
        },
        failed,
      }
      return stranger
    }
    for (let i = 0; i < 1000; i++) turn.resumeStranger(again(`stranger${i}`), 'one')
    turn.resumeLater(reader('busy', INPUT_MS_PER_TURN))
    turn.resumeFirst(reader('quiet', 1))
    turn.resumeStranger(reader('of another address', 1), 'another')
    clock.one()
    clock.one()
    expect(order).toEqual(['quiet', 'busy', 'stranger0', 'of another address', 'stranger1'])
    expect(turn.isInputLate()).toBe(false)
  })

  it('get nothing more once what is under way has used the time', () => {
    const { clock, turn } = start()
    turn.handledInput(INPUT_MS_PER_TURN - 1)
    expect([turn.isInputLate(), turn.isInputLate(1)]).toEqual([false, true])
    turn.handledInput(1)
    expect(turn.isInputLate()).toBe(true)
    turn.schedule()
    clock.one()
    expect(turn.isInputLate()).toBe(false)
  })
})

describe('a turn that runs early, since a batch has come to the disk', () => {
  it('adds none to a round of the event loop, however much there is to do', () => {
    const { clock, turn } = start()
    let pumped = 0
    const busy = {
      pump: () => {
        pumped++
        turn.pumpNextTurn(busy, true)
      },
      failed: () => {},
    }
    turn.pumpLater(busy)
    for (let i = 1; i <= 10; i++) {
      turn.run(() => {})
      expect([pumped, clock.pending]).toEqual([2 * i - 1, 1])
      clock.one()
      expect([pumped, clock.pending]).toEqual([2 * i, 1])
    }
  })

  it('leaves the next one to come where clients may not be served for a while', () => {
    const { clock, turn } = start()
    let pumped = 0
    let open = false
    turn.gate = () => open
    turn.pumpLater({ pump: () => void pumped++, failed: () => {} })
    turn.run(() => {})
    clock.one()
    turn.schedule()
    expect([pumped, clock.pending]).toEqual([0, 0])
    open = true
    turn.run()
    expect([pumped, clock.pending]).toEqual([1, 0])
    turn.schedule()
    expect(clock.pending).toBe(1)
  })
})
