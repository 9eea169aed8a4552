/** The dead letter of a message that a full queue refuses, in a queue that has the message as well. */
import { expect, it } from 'vitest'
import { bindQueue, CH, declareExchange, declareQueue, get, holds, session } from '../support/session.ts'
import { useTarget } from '../support/target.ts'
import { table } from '../support/wire.ts'

const t = useTarget()

it('comes behind the message itself, whichever queue is bound first', async () => {
  const w = await session(t)
  const x = await declareExchange(w, 'fanout')
  const [before, after] = [await declareQueue(w), await declareQueue(w)]
  const full = (key: string): Promise<string> =>
    declareQueue(w, {
      arguments: table({
        'x-max-length': 0,
        'x-overflow': 'reject-publish-dlx',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': key,
      }),
    })
  for (const q of [before, await full(before), await full(after), after]) await bindQueue(w, q, x)
  w.publish(CH, { exchange: x, body: 'x' })
  for (const q of [before, after]) {
    await holds(w, q, 2)
    const got = [await get(w, q), await get(w, q)]
    expect(got.map((r) => r?.properties?.headers?.get('x-death') !== undefined)).toEqual([false, true])
  }
})
