/** Consumers by the thousand are told in steps that they have credit again, or that their queue's settings have changed. */
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Jobs, Steps } from '../../src/broker/jobs.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { RESUMED_PER_STEP } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { Http } from '../management/target.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH, declareQueue } from '../support/session.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const listeners = [{ port: 0, bind: '127.0.0.1' }]
const COUNT = 10 * RESUMED_PER_STEP

async function consumers() {
  const settings = { ...defaultSettings, listeners, management: listeners }
  const leveret = await RunningNode.start(settings, oneForAll(silent))
  onTestFinished(() => leveret.close())
  const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${leveret.ports[0]}`)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  const queue = await declareQueue(w, { exclusive: false })
  await w.call(CH, MethodId.BasicQos, { prefetchCount: 1, global: true }, MethodId.BasicQosOk)
  for (let i = 0; i < COUNT; i++)
    w.send(CH, MethodId.BasicConsume, { queue, consumerTag: String(i), nowait: true })
  w.publish(CH, { routingKey: queue, body: 'a' })
  w.publish(CH, { routingKey: queue, body: 'b' })
  await w.receive(CH, MethodId.BasicDeliver)
  const http = new Http()
  http.base = `http://127.0.0.1:${leveret.node.managementPort}`
  const { jobs } = leveret.broker.turn
  const begin = jobs.begin.bind(jobs)
  const seen = { steps: 0 }
  function* counted<T>(all: Steps<T>): Steps<T> {
    for (;;) {
      const { value, done } = all.next()
      if (done) return value
      seen.steps++
      yield value
    }
  }
  vi.spyOn(jobs, 'begin').mockImplementation(((all: Steps<unknown>, ...rest: unknown[]) =>
    (begin as (...args: unknown[]) => unknown)(counted(all), ...rest)) as Jobs['begin'])
  return { w, http, queue, seen }
}

describe('very many consumers', () => {
  it('have credit again in steps', async () => {
    const { w, seen } = await consumers()
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    expect(String((await w.receive(CH, MethodId.BasicDeliver)).body)).toBe('b')
    await until(() => seen.steps >= COUNT / RESUMED_PER_STEP - 1, 'all steps')
  })

  it('learn of a policy in steps', async () => {
    const { http, queue, seen } = await consumers()
    const policy = { pattern: queue, 'apply-to': 'queues', definition: { 'consumer-timeout': 100_000 } }
    expect((await http.put('policies/%2F/p', policy)).status).toBe(201)
    await until(() => seen.steps >= COUNT / RESUMED_PER_STEP - 1, 'all steps')
  })

  it('of a channel are described over HTTP bit by bit', async () => {
    const { http } = await consumers()
    const [channel] = (await http.get('channels')).json
    const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
    const url = `${http.base}/api/channels/${encodeURIComponent(channel.name)}`
    const answer = await fetch(url, { headers: { authorization } })
    // What is written while it is made has no length in front.
    expect(answer.headers.get('content-length')).toBeNull()
    const { consumer_details: shown } = (await answer.json()) as { consumer_details: unknown[] }
    expect(shown.length).toBe(COUNT)
  })
})
