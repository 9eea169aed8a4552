/** What waits for a client that does not read. */
import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { OUTPUT_BYTES_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH, declareQueue, holds } from '../support/session.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const COUNT = 40
const BODY = 2_000_000

it('is bounded, however much a few octets ask for', async () => {
  const listeners = [{ port: 0, bind: '127.0.0.1' }]
  const leveret = await RunningNode.start({ ...defaultSettings, listeners }, oneForAll(silent))
  onTestFinished(() => leveret.close())
  const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${leveret.ports[0]}`)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  const q = await declareQueue(w)
  for (let i = 0; i < COUNT; i++) w.publish(CH, { routingKey: q, body: 'x'.repeat(BODY) })
  await holds(w, q, COUNT)
  const [connection] = leveret.server.connections
  const { output } = connection as NonNullable<typeof connection>
  w.socket.pause()
  w.socket.cork()
  for (let i = 0; i < COUNT; i++) w.send(CH, MethodId.BasicGet, { queue: q, noAck: true })
  w.socket.uncork()
  await until(() => output.waiting > OUTPUT_BYTES_MAX, 'the output to fill')
  let most = 0
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, output.waiting)
  }
  expect(most).toBeLessThan(OUTPUT_BYTES_MAX + 2 * BODY)
  w.socket.resume()
  for (let i = 0; i < COUNT; i++)
    expect((await w.receive(CH, MethodId.BasicGetOk)).method.messageCount).toBe(COUNT - 1 - i)
  expect(output.waiting).toBe(0)
})
