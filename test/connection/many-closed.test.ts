/** Very many connections that end at once: they are closed in several turns, and do nothing from the first one on. */
import { expect, it, onTestFinished } from 'vitest'
import { vhostInfo } from '../../src/broker/vhost.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { FORCED_PER_STEP, JOB_STEPS_PER_TURN } from '../../src/limits.ts'
import { deleteVhost } from '../../src/operations/vhosts.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import type { UserRecord } from '../../src/security/users.ts'
import { oneForAll } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH, consume, declareQueue, holds } from '../support/session.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

/** One turn is not enough for them. */
const MANY = (FORCED_PER_STEP + 1) * JOB_STEPS_PER_TURN + 1
const ALL = { configure: '.*', write: '.*', read: '.*' }
const none = (): void => {}
const quiet = oneForAll({ debug: none, info: none, warn: none, error: none })

async function open(leveret: RunningNode, user: string): Promise<Wire> {
  const url = `amqp://127.0.0.1:${leveret.ports[0]}`
  const w = await Wire.open(url, { vhost: 'v', user, password: 'guest' })
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  return w
}

/** The connections of one user in one vhost, each with a consumer of the owner's queue. */
async function crowd() {
  const listeners = [{ port: 0, bind: '127.0.0.1' }]
  const leveret = await RunningNode.start({ ...defaultSettings, listeners }, quiet)
  onTestFinished(() => leveret.close())
  const { broker, users, server } = leveret
  broker.setVhost(vhostInfo({ name: 'v' }))
  users.set({ ...(users.get('guest') as UserRecord), name: 'u', tags: [] })
  for (const user of ['guest', 'u']) users.setPermission(user, 'v', ALL)
  const owner = await open(leveret, 'guest')
  const queue = await declareQueue(owner, { exclusive: false })
  const wires: Wire[] = []
  for (let i = 0; i < MANY; i++) {
    const w = await open(leveret, 'u')
    await consume(w, queue, { noAck: true })
    wires.push(w)
  }
  const left = (): Connection[] =>
    [...server.connections].filter((c) => c.caller?.user === 'u' && c.state === 'open')
  return { leveret, owner, queue, wires, left }
}

it('of a user who is deleted', async () => {
  const { leveret, owner, queue, wires, left } = await crowd()
  leveret.users.remove('u')
  expect(left()).not.toEqual([])
  for (const c of left()) {
    expect(c.readingPaused).toBe(true)
    expect([...c.channels].every((ch) => ch.closing)).toBe(true)
  }
  owner.publish(CH, { routingKey: queue, body: 'for nobody' })
  await holds(owner, queue, 1)
  for (const w of wires) {
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([320, "CONNECTION_FORCED - user 'u' is deleted"])
  }
  await until(() => leveret.server.connections.size === 1, 'the others to be gone')
})

it('of a vhost that is deleted, whose consumers are not told that they are cancelled', async () => {
  const { leveret, wires, left } = await crowd()
  const { broker, users, server } = leveret
  const parameters = { removeVhost: () => {} }
  const deleted = deleteVhost({ broker, users, parameters }, server, 'v')
  expect(left()).not.toEqual([])
  for (const w of wires) {
    expect((await w.connectionError()).code).toBe(320)
    expect(w.inbox).toEqual([])
  }
  expect(await deleted).toBe(true)
})

it('that an operator closes', async () => {
  const { leveret, wires, left } = await crowd()
  leveret.server.force(left(), 'maintenance')
  expect(left()).not.toEqual([])
  for (const w of wires) expect((await w.connectionError()).text).toBe('CONNECTION_FORCED - maintenance')
})

it('whose consumers lose a right get nothing more, and are told in several turns', async () => {
  const { leveret, owner, queue, wires } = await crowd()
  const consumers = (): number =>
    [...leveret.server.connections].reduce((n, c) => n + (c.channels.find(CH)?.consumers.size ?? 0), 0)
  const { jobs } = leveret.broker.turn
  // Within something that is due, as where the time of a turn is used up.
  jobs.soon(leveret.node.owner, () => leveret.users.setPermission('u', 'v', { ...ALL, read: '' }))
  expect(consumers()).toBe(MANY)
  owner.publish(CH, { routingKey: queue, body: 'for nobody' })
  await holds(owner, queue, 1)
  for (const w of wires) await w.expect(CH, MethodId.BasicCancel)
  expect(consumers()).toBe(0)
})
