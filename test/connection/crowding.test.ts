/** Messages that full queues reject, faster than their dead letters can be passed on: the publishers wait. */
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Crowding } from '../../src/connection/crowding.ts'
import { TurnShare } from '../../src/connection/turn-share.ts'
import { READ_BYTES_PER_TURN, REFUSED_WAITING_MANY } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { servedBroker } from '../support/served-broker.ts'
import { CH, consume, counts, declareQueue, get } from '../support/session.ts'
import { until } from '../support/until.ts'
import { publishFrames, table, Wire } from '../support/wire.ts'

/** The queue `full`, which rejects what comes, and `dead`, which gets the dead letters. */
async function start() {
  const served = await servedBroker()
  const w = await Wire.open(served.url)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  await declareQueue(w, { queue: 'dead', exclusive: false })
  const args = {
    'x-max-length': 0,
    'x-overflow': 'reject-publish-dlx',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'dead',
  }
  await declareQueue(w, { queue: 'full', arguments: table(args) })
  const letters = served.broker.refusedLetters
  const waiting = (): number => letters['waiting']
  return { ...served, w, letters, waiting }
}

const frames = (body: string): Buffer => publishFrames(CH, { routingKey: 'full', body })

describe('a publisher whose messages are rejected', () => {
  it('waits while very many dead letters wait; all come, in their order', async () => {
    const { broker, w, waiting } = await start()
    const COUNT = 5 * REFUSED_WAITING_MANY
    let most = 0
    const refused = vi.spyOn(broker.refusedLetters, 'refused')
    const { refused: original } = Object.getPrototypeOf(broker.refusedLetters)
    refused.mockImplementation((r) => {
      original.call(broker.refusedLetters, r)
      most = Math.max(most, waiting())
    })
    const all = Array.from({ length: COUNT }, (_, i) => frames(String(i)))
    w.socket.write(Buffer.concat(all))
    await until(async () => (await counts(w, 'dead')).messages === COUNT, 'all to be dead letters')
    expect(most).toBeGreaterThan(REFUSED_WAITING_MANY)
    expect(most).toBeLessThan(REFUSED_WAITING_MANY + READ_BYTES_PER_TURN / frames('0').length)
    for (let i = 0; i < 10; i++) expect(String((await get(w, 'dead'))?.body)).toBe(String(i))
  })

  it('is held, and nobody who has not published', async () => {
    const { url, broker, letters, w } = await start()
    const other = await Wire.open(url)
    onTestFinished(() => void other.socket.destroy())
    await other.channel(CH)
    w.publish(CH, { routingKey: 'dead', body: 'a' })
    expect((await counts(w, 'dead')).messages).toBe(1)
    const isCrowded = vi.spyOn(letters, 'isCrowded', 'get').mockReturnValue(true)
    w.publish(CH, { routingKey: 'dead', body: 'b' })
    await consume(other, 'dead')
    expect(String((await other.receive(CH, MethodId.BasicDeliver)).body)).toBe('a')
    const queue = broker.vhosts.get('/')?.queues.get('dead')
    for (let i = 0; i < 10; i++) expect((await counts(other, 'dead')).messages).toBe(0)
    expect(queue?.counts.ready).toBe(0)
    isCrowded.mockReturnValue(false)
    expect(String((await other.receive(CH, MethodId.BasicDeliver)).body)).toBe('b')
  })

  it('is not held while memory or disk is low: its dead letters wait for that, and it may consume', async () => {
    const { broker, letters } = await start()
    letters['waiting'] = REFUSED_WAITING_MANY + 1
    expect(letters.isCrowded).toBe(true)
    const { isFull } = broker.turn
    broker.turn.isFull = () => true
    expect(letters.isCrowded).toBe(false)
    broker.turn.isFull = isFull
    letters['waiting'] = 0
  })

  it('has its time looked at behind each such message, one of which may cause a thousand', async () => {
    const { w } = await start()
    const handled = vi.spyOn(TurnShare.prototype, 'handled')
    onTestFinished(() => handled.mockRestore())
    w.socket.write(Buffer.concat(Array.from({ length: 50 }, () => frames('x'))))
    await until(async () => (await counts(w, 'dead')).messages === 50)
    expect(handled.mock.calls.length).toBeGreaterThan(50)
  })
})

it('held publishers are looked after by one timer, until there is room', () => {
  const clock = new ManualClock()
  let crowded = true
  const resumed: number[] = []
  const after = vi.spyOn(clock, 'after')
  const crowding = new Crowding(
    clock,
    () => crowded,
    (p) => p.resumeReading(),
  )
  const publisher = (i: number) => ({ resumeReading: () => resumed.push(i), failed: () => {} })
  for (let i = 0; i < 3; i++) expect(crowding.holds(publisher(i))).toBe(true)
  expect(after.mock.calls.length).toBe(1)
  clock.pass(10)
  expect(resumed).toEqual([])
  crowded = false
  clock.pass(10)
  expect(resumed).toEqual([0, 1, 2])
  expect(crowding.holds(publisher(3))).toBe(false)
})
