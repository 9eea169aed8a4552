/** Failures that should not happen, injected: each is its owner's, and everybody else goes on. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { Failures } from '../../src/broker/failures.ts'
import { Turn } from '../../src/broker/turn.ts'
import { vhostInfo } from '../../src/broker/vhost.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { FAILURES_LOGGED_PER_MINUTE } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { clockOf } from '../../src/util/clock.ts'
import { oneForAll } from '../../src/util/logger.ts'
import { charged, StoreFailure } from '../../src/util/owner.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH, confirmSelect, consume, declareQueue, deliveries } from '../support/session.ts'
import { until } from '../support/until.ts'
import { table, Wire } from '../support/wire.ts'

const boom = new Error('boom')
const fail = (): never => {
  throw boom
}

interface Line {
  readonly fields: Record<string, unknown>
  readonly message: string
}

async function start(): Promise<{ leveret: RunningNode; url: string; errors: Line[] }> {
  const errors: Line[] = []
  const none = (): void => {}
  const logger = {
    debug: none,
    info: none,
    warn: none,
    error: (fields: object, message: string) =>
      void errors.push({ fields: fields as Line['fields'], message }),
  }
  const listeners = [{ port: 0, bind: '127.0.0.1' }]
  const leveret = await RunningNode.start({ ...defaultSettings, listeners }, oneForAll(logger))
  onTestFinished(() => leveret.close())
  return { leveret, url: `amqp://guest:guest@127.0.0.1:${leveret.ports[0]}`, errors }
}

async function open(url: string): Promise<Wire> {
  const w = await Wire.open(url)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  return w
}

/** Two clients: what is done to the first one must not reach the second. */
async function pair(): Promise<{
  leveret: RunningNode
  errors: Line[]
  victim: Wire
  broken: Connection
  other: Wire
}> {
  const { leveret, url, errors } = await start()
  const victim = await open(url)
  const [broken] = [...leveret.server.connections] as [Connection]
  return { leveret, errors, victim, broken, other: await open(url) }
}

/** Publishes, delivers, confirms and acknowledges. */
async function works(w: Wire): Promise<void> {
  const queue = await declareQueue(w)
  await confirmSelect(w)
  await consume(w, queue)
  w.publish(CH, { routingKey: queue, body: 'x' })
  const seen = new Set<number>()
  while (seen.size < 2) seen.add((await w.next(CH)).method.id)
  expect(seen).toEqual(new Set<number>([MethodId.BasicAck, MethodId.BasicDeliver]))
}

describe('a turn', () => {
  it('gives everybody a turn, whoever fails', () => {
    const clock = new ManualClock()
    const failed: unknown[] = []
    const owner = { failed: (e: unknown) => void failed.push(e) }
    const turn = new Turn(clock, fail, owner)
    const done: string[] = []
    const bad = { ...owner, pump: fail, sendConfirms: fail, flush: fail, resumeReading: fail }
    const good = {
      ...owner,
      pump: () => void done.push('pump'),
      sendConfirms: () => void done.push('confirms'),
      flush: () => void done.push('flush'),
      resumeReading: () => void done.push('reading'),
    }
    for (const o of [bad, good]) {
      turn.pumpLater(o)
      turn.confirmLater(o)
      turn.flushLater(o)
      turn.resumeLater(o)
    }
    clock.runDeferred()
    expect(done).toEqual(['pump', 'confirms', 'flush', 'reading'])
    expect(failed).toEqual([boom, boom, boom, boom, boom])
    turn.pumpLater(good)
    clock.runDeferred()
    expect(done.at(-1)).toBe('pump')
  })
})

describe('timers', () => {
  it('are charged to the owner of their clock', () => {
    const time = new ManualClock()
    const failed: unknown[] = []
    const clock = clockOf({ failed: (e) => void failed.push(e) }, time)
    clock.after(5, fail)
    clock.defer(fail)
    time.pass(5)
    expect(failed).toEqual([boom, boom])
  })

  it('of a queue that fails leave the broker alive', async () => {
    const { leveret, errors, victim, other } = await pair()
    const vhost = leveret.broker.vhosts.get('/')
    const original = vhost?.removeQueue.bind(vhost)
    if (vhost !== undefined) vhost.removeQueue = fail
    const queue = await declareQueue(victim, { exclusive: false, arguments: expires(20) })
    await until(() => errors.length > 0)
    expect(errors[0]?.fields).toMatchObject({ vhost: '/', queue, err: boom })
    expect(leveret.broker.failures.counts.queue).toBe(1)
    if (vhost !== undefined && original !== undefined) vhost.removeQueue = original
    await works(other)
    await works(victim)
  })
})

function expires(ms: number): ReturnType<typeof table> {
  return table({ 'x-expires': ms })
}

describe('a connection that fails', () => {
  const channel = (c: Connection): object => c.channels.find(CH) ?? {}
  it.each<[string, (c: Connection) => void, (w: Wire) => void]>([
    [
      'in its output',
      (c) => Object.assign(c.output, { flush: fail }),
      (w) => w.send(CH, MethodId.BasicQos, {}),
    ],
    [
      'in its input',
      (c) => Object.assign(c.intake, { received: fail }),
      (w) => w.send(CH, MethodId.BasicQos, {}),
    ],
    ['at its end', (c) => Object.assign(channel(c), { cancelling: fail }), (w) => w.socket.destroy()],
    [
      'in a channel',
      (c) => Object.assign(channel(c), { settle: fail }),
      (w) => w.send(CH, MethodId.BasicAck, { deliveryTag: 1 }),
    ],
    ['in its error', (c) => Object.assign(c, { close: fail }), (w) => w.send(0, MethodId.BasicQos, {})],
  ])('%s ends alone', async (_where, breakIt, use) => {
    const { leveret, errors, victim, broken, other } = await pair()
    breakIt(broken)
    const queue = await declareQueue(other)
    const gone = new Promise((resolve) => victim.socket.once('close', resolve))
    use(victim)
    await until(() => broken.state !== 'open')
    victim.socket.end()
    await gone
    await until(() => leveret.server.connections.size === 1)
    expect(errors.length).toBeGreaterThan(0)
    expect(leveret.broker.failures.counts.connection).toBeGreaterThan(0)
    other.publish(CH, { routingKey: queue, body: 'x' })
    await works(other)
  })

  it('when a batch has landed does not keep the confirms of the others', async () => {
    const { leveret, broken, victim, other } = await pair()
    for (const ch of broken.channels) ch.becameDurable = fail
    leveret.server.awaitDurable([...broken.channels][0] as never)
    let told = false
    const becameDurable = (): boolean => {
      told = true
      return false
    }
    leveret.server.awaitDurable({ becameDurable, failed: fail })
    leveret.broker.setVhost(vhostInfo({ name: 'v' }))
    await leveret.commit.flush()
    ;(leveret.server as unknown as { serveWaiters(): void }).serveWaiters()
    expect(told).toBe(true)
    await victim.expect(0, MethodId.ConnectionClose)
    await works(other)
  })
})

describe('tracing', () => {
  it('that fails does not touch what is traced', async () => {
    const { leveret, victim } = await pair()
    const { Firehose } = await import('../../src/broker/firehose.ts')
    const vhost = leveret.broker.vhosts.get('/')
    if (vhost === undefined) return
    vhost.tracers.setFirehose(
      new Firehose(vhost, 'n', leveret.broker.failures.owner('message', {}), leveret.broker.turn),
    )
    ;(vhost.tracer as unknown as { trace(): void }).trace = fail
    const queue = await declareQueue(victim)
    await consume(victim, queue)
    victim.publish(CH, { routingKey: queue, body: 'x' })
    expect(await deliveries(victim, 1)).toHaveLength(1)
    expect(leveret.broker.failures.counts.message).toBe(2)
  })
})

describe('failures', () => {
  it('are logged one by one up to a number a minute, then counted', () => {
    const clock = new ManualClock()
    const lines: object[] = []
    const failures = new Failures(clock, (fields) => void lines.push(fields))
    for (let i = 0; i < FAILURES_LOGGED_PER_MINUTE + 7; i++) failures.note('message', {}, boom)
    expect(lines).toHaveLength(FAILURES_LOGGED_PER_MINUTE)
    clock.pass(60_000)
    failures.note('message', {}, boom)
    expect(lines.slice(FAILURES_LOGGED_PER_MINUTE)).toEqual([{ failures: 7 }, { err: boom }])
    expect(failures.counts.message).toBe(FAILURES_LOGGED_PER_MINUTE + 8)
  })
})

describe('the store', () => {
  it("is nobody else's: a failure of it is not charged to whoever met it", () => {
    const failure = new StoreFailure('x')
    expect(() =>
      charged({ failed: fail }, () => {
        throw failure
      }),
    ).toThrow(failure)
  })

  it('confirms nothing more once a batch could not be put together', async () => {
    const clock = new ManualClock()
    const commit = new GroupCommit(new MemoryStorage({ keeps: true }), clock)
    commit.add({ collect: fail })
    commit.requestFlush()
    expect(() => commit.turnEnd()).toThrow(StoreFailure)
    expect(() => clock.runDeferred()).toThrow(StoreFailure)
    commit.put('a', new Uint8Array(1))
    commit.requestFlush()
    commit.turnEnd()
    clock.pass(1000)
    expect(commit.durable).toBe(0)
  })

  it('goes on when somebody who waits for it fails', async () => {
    const clock = new ManualClock()
    const failed: unknown[] = []
    const commit = new GroupCommit(new MemoryStorage({ keeps: true }), clock, {
      failed: (e) => void failed.push(e),
    })
    let told = 0
    commit.onDurable(fail)
    commit.onDurable(() => void told++)
    commit.put('a', new Uint8Array(1))
    await commit.flush()
    commit.put('b', new Uint8Array(1))
    await commit.flush()
    expect([told, failed]).toEqual([2, [boom, boom]])
  })
})
