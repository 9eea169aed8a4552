/** `leveret migrate` between two Leverets; test/oracle/migrate.test.ts has RabbitMQ at the other end. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { checkMoved, fill } from './scenario.ts'
import { leftovers, OwnProcess, Side, send, texts } from './support.ts'

/** Two processes and 30,000 messages: on a busy machine more than others. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

let broker: RunningBroker
let other: Side
let own: OwnProcess
let address: string[]

beforeEach(async () => {
  broker = await createBroker({ port: 0, managementPort: 0 })
  other = new Side(`amqp://guest:guest@127.0.0.1:${broker.port}`, `http://127.0.0.1:${broker.managementPort}`)
  address = [other.url, '--management', other.http]
  own = new OwnProcess()
  await own.start()
})
afterEach(async () => {
  await own.close()
  await broker.close()
})

async function onlyQueue(side: Side, count: number, args: object = {}): Promise<void> {
  const ch = await side.channel()
  await ch.assertQueue('many', { durable: true, arguments: args })
  await send(ch, 'many', count)
}

const stream = { 'x-queue-type': 'stream' }

describe('leveret migrate', () => {
  it('says what would be moved and what will differ, and changes nothing', async () => {
    await fill(other)
    const ch = await other.channel()
    await ch.assertQueue('mine', { exclusive: true })
    await ch.consume('dead', () => {})
    const { code, stdout, stderr } = await own.migrate(...address, '--dry-run')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`From 127.0.0.1:${broker.managementPort} to the Leveret:`)
    expect(stdout).toMatch(/10 queues with 1,055 messages, to be moved/)
    expect(stdout).toContain('1 stream with 200 messages, to be copied')
    expect(stdout).toContain("'mine': exclusive queues")
    expect(stdout).toContain("'dead': these queues have consumers")
    expect(stdout).toContain("'log': streams are copied")
    expect(await own.side.api('GET', 'queues')).toEqual([])
  })

  it('moves everything in, and copies no stream twice', async () => {
    await fill(other)
    const { code, stdout, stderr } = await own.migrate(...address)
    expect([code, stderr]).toEqual([0, expect.stringContaining('Differences:')])
    expect(stdout).toContain('1,255 messages of 8 queues and 1 stream moved in')
    expect(await other.exists('queues/%2F/brief')).toBe(true)
    const again = await own.migrate(...address, '-q')
    expect([again.code, again.stderr]).toEqual([0, ''])
    expect(await leftovers(other, own.side)).toEqual([])
    await checkMoved(other, own.side)
    const side = new Side(own.side.url.replace('guest:guest', 'ann:s3cret'), own.side.http)
    await side.channel('a/b')
  })

  it('moves everything out', async () => {
    await fill(own.side)
    const { code, stdout, stderr } = await own.migrate('--out', ...address)
    expect([code, stderr]).toEqual([0, expect.stringContaining("user 'guest' is not changed")])
    expect(stdout).toContain('1,255 messages of 8 queues and 1 stream moved in')
    expect(await leftovers(other, own.side)).toEqual([])
    await checkMoved(own.side, other)
  })

  it('moves one vhost, with those who may enter it', async () => {
    await fill(other)
    const { code } = await own.migrate(`${other.url}/a%2Fb`, '--management', other.http, '-q')
    expect(code).toBe(0)
    expect(await own.side.api('GET', 'queues?columns=name')).toEqual([{ name: 'ünï/code' }])
    expect(await own.side.exists('users/ann')).toBe(true)
    expect(await other.ready('work')).toBe(300)
  })
})

describe('leveret migrate loses nothing', () => {
  it.each([
    ['a queue', {}, 30_000],
    ['a stream', stream, 30_000],
  ])('of %s when the target is killed mid way', async (_, args, count) => {
    await onlyQueue(other, count, args)
    const m = own.migration(...address)
    onTestFinished(() => void m.child.kill('SIGKILL'))
    await movedSome(count)
    await own.kill()
    await own.start()
    expect([await m.ended, m.text()]).toEqual([0, expect.stringMatching(/^[\d,]+ messages?.* moved in /m)])
    await allThere(args, count)
  })

  it.each([
    ['a queue', {}, 30_000],
    ['a stream', stream, 30_000],
  ])('of %s when the command is killed mid way', async (_, args, count) => {
    await onlyQueue(other, count, args)
    const m = own.migration(...address)
    await movedSome(count)
    m.child.kill('SIGKILL')
    await m.ended
    const again = await own.migrate(...address, '-q')
    expect([again.code, again.stderr]).toEqual([0, ''])
    await allThere(args, count)
  })

  it('when it is interrupted, and says how it goes on', async () => {
    await onlyQueue(other, 30_000)
    const m = own.migration(...address)
    await movedSome(30_000)
    m.child.kill('SIGINT')
    expect([await m.ended, m.text()]).toEqual([
      70,
      expect.stringContaining('run the same command again to continue'),
    ])
    expect(await own.side.api('GET', 'shovels')).toEqual([])
    expect((await own.migrate(...address, '-q')).code).toBe(0)
    await allThere({}, 30_000)
  })

  it('of what dies at the source while it is emptied', async () => {
    const ch = await other.channel()
    await ch.assertQueue('a-dead', { durable: true })
    const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'a-dead', 'x-message-ttl': 1 }
    await ch.assertQueue('brief', { durable: true, arguments: dead })
    await onlyQueue(other, 20_000)
    const m = own.migration(...address)
    await movedSome(20_000)
    await send(ch, 'brief', 20)
    await broker.waitForQueue('brief', { ready: 0 })
    expect([await m.ended, m.text()]).toEqual([0, expect.stringMatching(/^[\d,]+ messages?.* moved in /m)])
    expect(await other.ready('a-dead')).toBe(0)
    expect(await own.side.texts('a-dead', 20)).toEqual(texts(20))
    await allThere({}, 20_000)
  })

  it.each([
    ['exchange', async (name: string) => void (await own.side.api('DELETE', `exchanges/%2F/${name}`))],
    [
      'binding',
      async (name: string) => {
        const bindings = `bindings/%2F/e/${name}/q/many`
        const [{ properties_key: key } = {}] = await own.side.api<{ properties_key: string }[]>(
          'GET',
          bindings,
        )
        await own.side.api('DELETE', `${bindings}/${key}`)
      },
    ],
  ])('where the target forgets the %s of the move, as a RabbitMQ that is killed can', async (_, forget) => {
    await onlyQueue(other, 30_000)
    const m = own.migration(...address)
    await movedSome(30_000)
    const [carrier = ''] = (await leftovers(own.side)).filter((name) => name.startsWith('leveret.'))
    await forget(carrier)
    expect([await m.ended, m.text()]).toEqual([0, expect.stringMatching(/^[\d,]+ messages?.* moved in /m)])
    await allThere({}, 30_000)
  })

  it('where the target refuses what does not fit, which it says', async () => {
    const full = { 'x-max-length': 5, 'x-overflow': 'reject-publish' }
    await onlyQueue(other, 5, full)
    await onlyQueue(own.side, 3, full)
    const { code, stderr } = await own.migrate(...address, '-q')
    expect([code, stderr]).toEqual([
      70,
      expect.stringContaining("'many' in vhost '/': the queue does not get shorter"),
    ])
    expect(await other.ready('many')).toBe(3)
    expect(await leftovers(other, own.side)).toEqual([])
  })

  it('of a stream that has been begun by somebody else, which it leaves alone', async () => {
    await onlyQueue(other, 10, stream)
    await onlyQueue(own.side, 3, stream)
    const { code, stderr } = await own.migrate(...address, '-q')
    expect([code, stderr]).toEqual([
      70,
      expect.stringContaining("'many' in vhost '/': a stream of that name with 3 messages"),
    ])
    expect((await own.side.take('many', 3, '/', 'first')).length).toBe(3)
  })

  async function movedSome(count: number): Promise<void> {
    const moved = async (): Promise<number> => {
      const q = await own.side.api<{ messages?: number }>('GET', 'queues/%2F/many').catch(() => undefined)
      return q?.messages ?? 0
    }
    await until(async () => (await moved()) > 500, 'the move to begin')
    expect(await moved()).toBeLessThan(count)
  }

  async function allThere(args: object, count: number): Promise<void> {
    const isStream = args === stream
    const found = await own.side.take('many', count, '/', isStream ? 'first' : undefined)
    expect(found.map((x) => x.content.toString())).toEqual(texts(count))
    if (!isStream) expect(await other.ready('many')).toBe(0)
    expect(await leftovers(other, own.side)).toEqual([])
  }
})

describe('leveret migrate says in one line', () => {
  const line = async (args: string[]): Promise<[number | null, string]> => {
    const { code, stderr } = await own.migrate(...args)
    return [code, stderr]
  }
  const http = (): string => other.http

  it('what is wrong with an address, a login, a vhost', async () => {
    const at = `127.0.0.1:${broker.port}`
    expect(await line(['nonsense'])).toEqual([
      64,
      'Error:\nthe first argument is an address such as amqp://user:password@host:5672\n',
    ])
    expect(await line([`amqp://guest:wrong@${at}`, '--management', http()])).toEqual([
      77,
      `Error:\n127.0.0.1:${broker.managementPort} refuses user 'guest': Login failed\n`,
    ])
    const management = http().replace('://', '://guest:guest@')
    expect(await line([`amqp://guest:wrong@${at}`, '--management', management])).toEqual([
      77,
      `Error:\n${at} refuses user 'guest' over AMQP: the name or the password is wrong, or guest can log in from the same machine only\n`,
    ])
    expect(await line([`${other.url}/nope`, '--management', http()])).toEqual([
      64,
      `Error:\nthere is no vhost 'nope' at 127.0.0.1:${broker.managementPort}\n`,
    ])
    expect(await line([other.url, '--management', 'http://127.0.0.1:1'])).toEqual([
      69,
      'Error:\nno broker answers at 127.0.0.1:1 (ECONNREFUSED); is it running there?\n',
    ])
    expect(await line(['amqp://127.0.0.1:1', '--management', management])).toEqual([
      69,
      'Error:\n127.0.0.1:1 cannot be reached over AMQP: connect ECONNREFUSED 127.0.0.1:1\n',
    ])
    expect(await line([`amqps://guest:guest@${at}`, '--management', management])).toEqual([
      69,
      `Error:\n${at} does not speak TLS\n`,
    ])
  })

  it('which right is missing', async () => {
    await onlyQueue(other, 1)
    await other.api('PUT', 'users/mover', { password: 'm', tags: 'administrator' })
    const uri = other.url.replace('guest:guest', 'mover:m')
    expect(await line([uri, '--management', http()])).toEqual([
      70,
      `Error:\nuser 'mover' needs permission to read everything in vhost '/' of 127.0.0.1:${broker.managementPort}: rabbitmqctl set_permissions -p '/' 'mover' '.*' '.*' '.*'\n`,
    ])
    await other.api('PUT', 'users/mover', { password: 'm', tags: 'management' })
    const [code, text] = await line([uri, '--management', http()])
    expect([code, text]).toEqual([
      77,
      expect.stringMatching(/^Error:\n127.0.0.1:\d+ refuses user 'mover': [^\n]+\n$/),
    ])
  })
})
