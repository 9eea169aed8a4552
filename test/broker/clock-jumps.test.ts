/**
 * A clock that is set, or that has gone on while the machine slept and its timers stood still. Durations do not notice; what
 * has a time of day comes at that time, or soon behind it.
 */
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { ConsumerTimeout } from '../../src/channel/consumer-timeout.ts'
import { ConsumerBackpressure } from '../../src/connection/consumer-backpressure.ts'
import type { Server } from '../../src/connection/server.ts'
import { CONGESTION_PAUSE_MS, CONGESTION_RETRY_MS, LOGIN_DELAY_MS_MAX } from '../../src/limits.ts'
import { Redrive } from '../../src/operations/redrive.ts'
import { type TailEnd, watchQueue } from '../../src/operations/tail.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import type { OAuth } from '../../src/security/oauth.ts'
import type { Principal } from '../../src/security/principal.ts'
import { atTime } from '../../src/util/clock.ts'
import { ManualClock } from '../support/manual-clock.ts'
import {
  bindQueue,
  CH,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  holds,
  otherThingsHappen,
  session,
} from '../support/session.ts'
import { timedServer } from '../support/timed-server.ts'
import { until } from '../support/until.ts'
import { table, Wire } from '../support/wire.ts'

const HOUR = 3_600_000
const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = { certfile: at('server.pem'), keyfile: at('server.key') }
const both = [
  ['forward', HOUR],
  ['back', -HOUR],
] as const

/** That many ms pass for a server in steps of a second, with what each step brings. */
async function passing(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    clock.pass(Math.min(left, 1000))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('what happens at a time of day', () => {
  it('comes within a minute of a machine’s waking, of which timers know nothing', () => {
    const clock = new ManualClock()
    let done = 0
    atTime(clock, clock.now() + HOUR / 2, () => void done++)
    clock.jump(HOUR)
    clock.pass(60_000)
    expect(done).toBe(1)
    clock.pass(HOUR)
    expect(done).toBe(1)
  })

  it('does not come before its time where the clock is set back', () => {
    const clock = new ManualClock()
    let done = 0
    atTime(clock, clock.now() + 10_000, () => void done++)
    clock.jump(-HOUR)
    clock.pass(HOUR + 9_999)
    expect(done).toBe(0)
    clock.pass(60_000)
    expect(done).toBe(1)
  })

  it('can be called off, whenever', () => {
    const clock = new ManualClock()
    let done = 0
    const timer = atTime(clock, clock.now() + HOUR, () => void done++)
    clock.pass(HOUR / 2)
    timer.cancel()
    clock.pass(HOUR)
    expect(done).toBe(0)
  })
})

describe('a clock that goes forward by an hour', () => {
  it('brings messages whose TTL has gone by to their dead-letter queue, though nothing else happens', async () => {
    const { clock, ...t } = await timedServer(tls)
    const w = await session(t)
    const dead = await declareQueue(w)
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
    const queue = await declareQueue(w, { arguments: table(args) })
    w.publish(CH, { routingKey: queue, properties: { expiration: String(HOUR / 2) } })
    await holds(w, queue, 1)
    clock.jump(HOUR)
    await passing(clock, 60_000)
    await holds(w, dead, 1)
  })

  it('brings delayed messages and delayed returns', async () => {
    const { clock, ...t } = await timedServer(tls)
    const w = await session(t)
    const queue = await declareQueue(w)
    const x = await declareExchange(w, 'x-delayed-message', {
      arguments: table({ 'x-delayed-type': 'fanout' }),
    })
    await bindQueue(w, queue, x)
    w.publish(CH, { exchange: x, properties: { headers: table({ 'x-delay': HOUR / 2 }) } })
    const retry = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': HOUR / 2 }
    const args = table({ 'x-queue-type': 'quorum', ...retry })
    const returned = await declareQueue(w, { exclusive: false, durable: true, arguments: args })
    w.publish(CH, { routingKey: returned })
    const { deliveryTag = 0 } = (await get(w, returned, false))?.method ?? {}
    w.send(CH, MethodId.BasicNack, { deliveryTag, requeue: true })
    expect((await counts(w, returned)).messages).toBe(0)
    clock.jump(HOUR)
    await passing(clock, 60_000)
    await holds(w, queue, 1)
    await holds(w, returned, 1)
  })

  it('ends connections whose token has run out', async () => {
    let expires = 0
    const access = { allows: () => true, restrictsTopic: () => false, allowsTopic: () => true }
    const user: Principal = {
      name: 'token',
      tags: [],
      byToken: true,
      get expires() {
        return expires
      },
      access: () => access,
    }
    const oauth = { verify: () => Promise.resolve(user) } as unknown as OAuth
    const { clock, url } = await timedServer(tls, { login: { oauth } })
    expires = clock.now() + HOUR / 2
    const w = await Wire.open(url, { user: 'token', password: 'token' })
    onTestFinished(() => void w.socket.destroy())
    clock.jump(HOUR)
    await passing(clock, 60_000)
    expect((await w.expect(0, MethodId.ConnectionClose)).replyText).toContain('credential expired')
  })
})

describe.each(both)('a clock that is set %s by an hour', (_, jump) => {
  it('does not change how long a queue with x-expires stays unused', async () => {
    const { clock, server, ...t } = await timedServer(tls)
    const w = await session(t)
    const queue = await declareQueue(w, { exclusive: false, arguments: table({ 'x-expires': 10_000 }) })
    const isThere = (): boolean => server.broker.vhosts.get('/')?.queues.has(queue) === true
    await passing(clock, 6_000)
    await get(w, queue)
    clock.jump(jump)
    await passing(clock, 9_000)
    await otherThingsHappen(w)
    expect(isThere()).toBe(true)
    await passing(clock, 2_000)
    await until(() => !isThere(), 'the end of the queue')
  })

  it('does not change how long a consumer may take', () => {
    const clock = new ManualClock()
    const expired: number[] = []
    const timeout = new ConsumerTimeout(
      10_000,
      clock,
      (tag) => !expired.includes(tag),
      (tag) => void expired.push(tag),
    )
    timeout.delivered(1)
    clock.pass(5_000)
    timeout.delivered(2)
    clock.jump(jump)
    clock.pass(5_000)
    expect(expired).toEqual([1])
    clock.pass(5_000)
    expect(expired).toEqual([1, 2])
    timeout.stop()
  })

  it('does not keep an address with failed logins out for longer', async () => {
    const { clock, url } = await timedServer(tls)
    for (let n = 0; n < 8; n++) {
      const failed = Wire.open(url, { password: 'wrong' }).catch(() => undefined)
      let over = false
      void failed.then(() => {
        over = true
      })
      await until(() => {
        clock.pass(1_000)
        return over
      }, 'the refusal')
    }
    clock.jump(jump)
    const before = clock.elapsed()
    let opened: Wire | undefined
    void Wire.open(url).then((w) => {
      opened = w
    })
    await until(() => {
      if (clock.elapsed() - before < 2 * LOGIN_DELAY_MS_MAX) clock.pass(100)
      return opened !== undefined
    }, 'the login')
    await opened?.close()
  })

  it('does not stop a redrive at a rate, nor let it take all at once', async () => {
    const { clock, server, ...t } = await timedServer(tls)
    const w = await session(t)
    const dead = await declareQueue(w)
    const to = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
    const queue = await declareQueue(w, { arguments: table({ 'x-max-length': 0, ...to }) })
    for (let n = 0; n < 20; n++) w.publish(CH, { routingKey: queue })
    await holds(w, dead, 20)
    await w.call(CH, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
    await declareQueue(w, { queue })
    const { vhost, source } = found(server, dead)
    const redrive = new Redrive(vhost, source, server.broker, { rate: 1 })
    await passing(clock, 5_000)
    clock.jump(jump)
    await passing(clock, 5_000)
    const moved = (await counts(w, queue)).messages
    expect(moved).toBeGreaterThanOrEqual(9)
    expect(moved).toBeLessThanOrEqual(12)
    redrive.cancel()
    await passing(clock, 2_000)
    await redrive.done
  })

  it('does not change for how long a queue is watched', async () => {
    const { clock, server, ...t } = await timedServer(tls)
    const queue = await declareQueue(await session(t))
    const [connection] = server.connections
    if (connection?.caller === undefined) throw new Error('no connection')
    const ended: TailEnd[] = []
    const watcher = { see: () => true, ended: (why: TailEnd) => void ended.push(why) }
    const bounds = { limit: 10, seconds: 10 }
    watchQueue(connection.caller, queue, server.broker.clock, watcher, bounds, connection)
    await passing(clock, 5_000)
    clock.jump(jump)
    await passing(clock, 4_000)
    expect(ended).toEqual([])
    await passing(clock, 2_000)
    expect(ended).toEqual(['time'])
  })

  it('does not change for how long publishers are not paused again', () => {
    const clock = new ManualClock()
    const pauses = new ConsumerBackpressure(clock, { residentBytes: 2, memoryBytes: 1 })
    pauses.began({})
    const reader = { resumeReading: () => {}, failed: () => {} } as unknown as Parameters<
      typeof pauses.pause
    >[0]
    expect(pauses.pause(reader)).toBe(true)
    clock.pass(CONGESTION_PAUSE_MS)
    clock.jump(jump)
    expect(pauses.pause(reader)).toBe(false)
    clock.pass(CONGESTION_RETRY_MS)
    expect(pauses.pause(reader)).toBe(true)
  })

  it('leaves deliveries and confirms as they are', async () => {
    const { clock, ...t } = await timedServer(tls)
    const w = await session(t)
    const queue = await declareQueue(w)
    await consume(w, queue, { noAck: true })
    clock.jump(jump)
    for (let n = 0; n < 3; n++) w.publish(CH, { routingKey: queue, body: String(n) })
    expect((await deliveries(w, 3)).map((d) => String(d.body))).toEqual(['0', '1', '2'])
  })
})

function found({ broker }: Server, name: string) {
  const vhost = broker.vhosts.get('/') as NonNullable<ReturnType<Broker['vhosts']['get']>>
  const source = vhost.queues.get(name)
  if (source === undefined) throw new Error(`no queue ${name}`)
  return { vhost, source }
}
