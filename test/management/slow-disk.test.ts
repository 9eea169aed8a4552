/** Requests that add messages wait for a disk that falls behind, as clients that publish over AMQP do. */

import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { until } from '../support/until.ts'
import { Http } from './target.ts'

const publish = 'exchanges/%2F/amq.default/publish'
const toQueue = (queue: string) => ({
  properties: {},
  routing_key: queue,
  payload: 'm',
  payload_encoding: 'string',
})

/** With a queue of three messages, which are dead-lettered to `dead` if they are rejected. */
async function start() {
  const at = { port: 0, bind: '127.0.0.1' }
  const node = await RunningNode.start(
    { ...defaultSettings, listeners: [], management: [at] },
    oneForAll(silent),
  )
  const { broker } = node
  onTestFinished(async () => {
    broker.turn.isBehind = () => false
    await node.close()
  })
  const http = new Http()
  http.base = `http://127.0.0.1:${node.managementPort}`
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  await http.put('queues/%2F/dead')
  await http.put('queues/%2F/q', { arguments: toDead })
  for (let i = 0; i < 3; i++) await http.post(publish, toQueue('q'))
  const ready = (name: string) => broker.vhosts.get('/')?.queues.get(name)?.counts.ready
  return { broker, http, ready }
}

const get = (ackmode: string, queue = 'q') =>
  [`queues/%2F/${queue}/get`, { count: 2, ackmode, encoding: 'auto' }] as const

it.each([
  ['a publish', publish, toQueue('q')],
  ['a get that rejects', ...get('reject_requeue_false')],
])('%s', async (_, path, body) => {
  const { broker, http, ready } = await start()
  let looks = 0
  let behind = true
  broker.turn.isBehind = () => {
    looks++
    return behind
  }
  const answer = http.post(path, body)
  await until(() => looks > 5, 'the request to wait')
  expect((await http.get('queues/%2F/q')).status).toBe(200)
  expect([ready('q'), ready('dead')]).toEqual([3, 0])
  behind = false
  expect((await answer).status).toBe(200)
  expect([ready('q'), ready('dead')]).toEqual(path === publish ? [4, 0] : [1, 2])
})

it('others do not wait', async () => {
  const { broker, http } = await start()
  broker.turn.isBehind = () => true
  for (const [path, body] of [
    get('ack_requeue_true'),
    get('ack_requeue_false'),
    get('reject_requeue_false', 'dead'),
  ])
    expect((await http.post(path, body)).status).toBe(200)
})

it('of a broker that is closed, they are refused', async () => {
  const { broker, http, ready } = await start()
  let looks = 0
  broker.turn.isBehind = () => ++looks > 0
  const answers = [http.post(publish, toQueue('q')), http.post(...get('reject_requeue_false'))]
  await until(() => looks > 5, 'the requests to wait')
  broker.turn.givesUp = () => true
  expect((await Promise.all(answers)).map((a) => a.status)).toEqual([503, 503])
  expect([ready('q'), ready('dead')]).toEqual([3, 0])
})
