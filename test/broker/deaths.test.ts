/** The history of a dead letter grows with each queue that it has been in, up to a bound. */
import { expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { DEATHS_BYTES_MAX } from '../../src/limits.ts'
import { bindQueue, CH, declareExchange, declareQueue, get, holds } from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'

const QUEUES = 30
const COPIES = Array.from({ length: 100 }, (_, i) => `nobody ${i} `.padEnd(200, '.'))

it('of a message with many keys and queues is bounded in octets, and names every queue', async () => {
  const broker = await createBroker({ port: 0 })
  onTestFinished(() => broker.close())
  const w = await Wire.open(broker.url)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  for (let i = 0; i <= QUEUES; i++)
    await declareExchange(w, 'fanout', { exchange: `x${i}`, autoDelete: false })
  for (let i = 0; i <= QUEUES; i++) {
    const dying = { 'x-message-ttl': 0, 'x-dead-letter-exchange': `x${i + 1}` }
    await declareQueue(w, { queue: `q${i}`, arguments: table(i < QUEUES ? dying : {}) })
    await bindQueue(w, `q${i}`, `x${i}`)
  }
  w.publish(CH, { exchange: 'x0', routingKey: 'k', properties: { headers: table({ CC: COPIES }) } })
  await holds(w, `q${QUEUES}`, 1)
  const headers = (await get(w, `q${QUEUES}`))?.properties?.headers
  const history = headers?.get('x-death')
  const deaths = history?.type === 'A' ? history.value.flatMap((d) => (d.type === 'F' ? [d.value] : [])) : []
  expect(deaths.map((d) => d.text('queue'))).toEqual(
    Array.from({ length: QUEUES }, (_, i) => `q${QUEUES - 1 - i}`),
  )
  expect(deaths[0]?.get('routing-keys')).toBeDefined()
  expect(headers?.bytes.length).toBeLessThan(DEATHS_BYTES_MAX + 30_000)
})
