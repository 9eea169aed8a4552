/** `leveret migrate` from a RabbitMQ, and back to it, that is killed in the middle. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { leftovers, OwnProcess, type Side, send, texts } from '../migrate/support.ts'
import { until } from '../support/until.ts'
import { Rabbit } from './rabbit.ts'

/** Beside those of the other files. */
const PORT = Number(process.env['LEVERET_ORACLE_PORT'] ?? 5697) + 6
const COUNT = 30_000
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

let rabbit: Rabbit
let own: OwnProcess

beforeAll(async () => {
  rabbit = await Rabbit.start(PORT)
})
afterAll(() => rabbit?.broker.stop())

beforeEach(async () => {
  own = new OwnProcess()
  await own.start()
})
afterEach(() => own.close())

/** Asks over HTTP: AMQP would close a channel where the queue is not there. */
async function readyIfThere(side: Side): Promise<number | undefined> {
  const queues = await side.api<{ name: string; messages_ready?: number }[]>('GET', 'queues')
  return queues.find((q) => q.name === 'many')?.messages_ready
}

it.each([
  ['in', 'waits for it'],
  ['in', 'is killed, too, and run again'],
  ['out', 'waits for it'],
  ['out', 'is killed, too, and run again'],
])('loses nothing, %s, where the command %s', async (way, what) => {
  const [from, to] = way === 'in' ? [rabbit, own.side] : [own.side, rabbit]
  const ch = await from.channel()
  await (await rabbit.channel()).assertQueue('many', { durable: true })
  await ch.assertQueue('many', { durable: true })
  // Otherwise the RabbitMQ that is killed could have lost the queue with all its messages.
  await rabbit.broker.sync()
  await send(ch, 'many', COUNT)
  const options = way === 'out' ? ['--out'] : []
  const m = own.migration(...options, ...rabbit.address)
  // The other one tells what has gone or come, whichever dies.
  const left = async (): Promise<number> => {
    const ready = await readyIfThere(own.side)
    return way === 'in' ? COUNT - (ready ?? 0) : (ready ?? COUNT)
  }
  await until(async () => (await left()) < COUNT - 1000, 'the move to begin')
  await rabbit.broker.kill()
  const killed = what.startsWith('is killed')
  if (killed) m.child.kill('SIGKILL')
  await rabbit.broker.restart()
  if (killed) {
    await m.ended
    const again = await own.migrate(...options, ...rabbit.address, '-q')
    expect([again.code, again.stderr]).toEqual([0, ''])
  } else
    expect([await m.ended, m.text()]).toEqual([0, expect.stringMatching(/^[\d,]+ messages?.* moved in /m)])
  // What was on its way may be there twice, but nothing is lost or out of its order.
  expect(await to.texts('many', COUNT)).toEqual(texts(COUNT))
  expect(await from.ready('many')).toBe(0)
  expect(await leftovers(own.side)).toEqual([])
  await rabbit.api('DELETE', 'queues/%2F/many')
})
