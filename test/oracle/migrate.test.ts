/** `leveret migrate` from RabbitMQ and back to it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { checkMoved, fill } from '../migrate/scenario.ts'
import { leftovers, OwnProcess, Side, send, texts } from '../migrate/support.ts'
import { until } from '../support/until.ts'
import { Rabbit } from './rabbit.ts'

/** Beside the one of the other tests: all that there is in it is moved. */
const PORT = Number(process.env['LEVERET_ORACLE_PORT'] ?? 5697) + 1
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

let rabbit: Rabbit
let own: OwnProcess

beforeAll(async () => {
  rabbit = await Rabbit.start(PORT)
})
afterAll(() => rabbit?.broker.stop())

beforeEach(async () => {
  await clean()
  own = new OwnProcess()
  await own.start()
})
afterEach(async () => {
  await own.close()
  await clean()
})

async function clean(): Promise<void> {
  const gone = async (
    list: string,
    path: (o: Record<string, string>) => string | undefined,
  ): Promise<void> => {
    for (const o of await rabbit.api<Record<string, string>[]>('GET', list)) {
      const p = path(o)
      if (p !== undefined) await rabbit.api('DELETE', p).catch(() => {})
    }
  }
  const enc = encodeURIComponent
  await gone('vhosts', (v) => (v['name'] === '/' ? undefined : `vhosts/${enc(v['name'] as string)}`))
  await gone('users', (u) => (u['name'] === 'guest' ? undefined : `users/${enc(u['name'] as string)}`))
  await gone('policies', (p) => `policies/%2F/${enc(p['name'] as string)}`)
  await gone('queues', (q) => `queues/%2F/${enc(q['name'] as string)}`)
  await gone('exchanges', (x) =>
    /^(amq\..*)?$/.test(x['name'] as string) ? undefined : `exchanges/%2F/${enc(x['name'] as string)}`,
  )
}

/** RabbitMQ tells numbers of streams by its statistics. */
async function streamIsKnown(queue: string, count: number): Promise<void> {
  await until(
    async () => (await rabbit.api<{ messages?: number }>('GET', `queues/%2F/${queue}`)).messages === count,
    `the number of messages in ${queue}`,
  )
}

describe('leveret migrate with RabbitMQ', () => {
  it('moves everything in, and copies no stream twice', async () => {
    await fill(rabbit)
    await streamIsKnown('log', 200)
    const { code, stdout, stderr } = await own.migrate(...rabbit.address)
    expect([code, stderr]).toEqual([0, expect.stringContaining('Differences:')])
    expect(stdout).toContain('1,255 messages of 8 queues and 1 stream moved in')
    expect(await rabbit.exists('queues/%2F/brief')).toBe(true)
    const again = await own.migrate(...rabbit.address, '-q')
    expect([again.code, again.stderr]).toEqual([0, ''])
    expect(await leftovers(own.side)).toEqual([])
    await checkMoved(rabbit, own.side)
    await new Side(own.side.url.replace('guest:guest', 'ann:s3cret'), own.side.http).channel('a/b')
  })

  it('moves everything out', async () => {
    await fill(own.side)
    const { code, stdout, stderr } = await own.migrate('--out', ...rabbit.address)
    expect([code, stderr]).toEqual([0, expect.stringContaining("user 'guest' is not changed")])
    expect(stdout).toContain('1,255 messages of 8 queues and 1 stream moved in')
    expect(await leftovers(own.side)).toEqual([])
    await checkMoved(own.side, rabbit)
    await new Side(rabbit.url.replace('guest:guest', 'ann:s3cret'), rabbit.http).channel('a/b')
  })

  it.each(['in', 'out'])('loses nothing when the Leveret is killed mid way, %s', async (way) => {
    const [from, to] = way === 'in' ? [rabbit, own.side] : [own.side, rabbit]
    const ch = await from.channel()
    await ch.assertQueue('many', { durable: true })
    await send(ch, 'many', 30_000)
    const m = own.migration(...(way === 'out' ? ['--out'] : []), ...rabbit.address)
    await until(async () => (await from.ready('many').catch(() => 30_000)) < 29_000, 'the move to begin')
    await own.kill()
    const again = await own.start()
    expect([await m.ended, m.text()]).toEqual([0, expect.stringMatching(/^[\d,]+ messages?.* moved in /m)])
    expect(await (way === 'in' ? again : to).texts('many', 30_000)).toEqual(texts(30_000))
    expect(await (way === 'in' ? rabbit : again).ready('many')).toBe(0)
  })
})
