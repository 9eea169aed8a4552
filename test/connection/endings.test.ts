/** Very many connections that end at once end over several turns of the event loop. */
import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Endings } from '../../src/connection/endings.ts'
import { ENDINGS_MS_PER_TURN } from '../../src/limits.ts'
import type { Output } from '../../src/output/output.ts'
import { PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { timedServer } from '../support/timed-server.ts'
import { until } from '../support/until.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = { certfile: at('server.pem'), keyfile: at('server.key') }

/** What is deferred runs one turn at a time. */
class Turns extends ManualClock {
  private next: (() => void)[] = []

  override defer(action: () => void): void {
    this.next.push(action)
  }

  get idle(): boolean {
    return this.next.length === 0
  }

  turn(): void {
    const { next } = this
    this.next = []
    for (const action of next) action()
  }
}

class FakeSocket extends EventEmitter {
  readonly done: string[] = []

  destroy(): void {
    this.done.push('destroyed')
    this.emit('close')
  }

  end(): void {
    this.done.push('ended')
  }
}

function setUp(waiting = 0) {
  const clock = new Turns()
  const endings = new Endings(clock)
  const ended: number[] = []
  const failures: unknown[] = []
  const flushed: number[] = []
  const add = (number: number, reused: boolean, action = () => {}): FakeSocket => {
    const socket = new FakeSocket()
    const output = { waiting, finish: () => flushed.push(number) } as unknown as Output
    const owner = { failed: (error: unknown) => failures.push(error) }
    endings.watch(socket as unknown as Socket, reused, output, owner, () => {
      clock.pass(1)
      ended.push(number)
      action()
    })
    return socket
  }
  return { clock, endings, ended, failures, flushed, add }
}

const MANY = 5 * ENDINGS_MS_PER_TURN

describe('connections that end', () => {
  it('do so before their event is over when they are few', () => {
    const { add, ended, clock, endings } = setUp()
    add(1, false).emit('close')
    expect(ended).toEqual([1])
    clock.turn()
    expect([clock.idle, endings.waiting]).toEqual([true, 0])
  })

  it('take so much time of each turn, in the order in which they left', () => {
    const { add, ended, clock, endings } = setUp()
    for (let i = 0; i < MANY; i++) add(i, false).emit('close')
    expect(ended.length).toBe(ENDINGS_MS_PER_TURN)
    const perTurn: number[] = []
    while (!clock.idle) {
      const before = ended.length
      clock.turn()
      perTurn.push(ended.length - before)
    }
    expect(perTurn).toEqual([...Array.from({ length: 4 }, () => ENDINGS_MS_PER_TURN), 0])
    expect(ended).toEqual(Array.from({ length: MANY }, (_, i) => i))
    expect(endings.waiting).toBe(0)
  })

  it('share that time with what closes their sockets', () => {
    const { add, ended, clock } = setUp()
    const sockets = Array.from({ length: MANY }, (_, i) => add(i, true))
    for (const socket of sockets) socket.emit('end')
    let turns = 0
    for (; !clock.idle; turns++) {
      const before = ended.length
      clock.turn()
      expect(ended.length - before).toBeLessThanOrEqual(ENDINGS_MS_PER_TURN)
    }
    // The last turn finds nothing.
    expect([ended.length, turns]).toEqual([MANY, 6])
  })

  it('do not keep others from their end when they fail', () => {
    const { add, ended, failures, clock } = setUp()
    const error = new Error('of the first')
    for (let i = 0; i < MANY; i++)
      add(i, false, () => {
        if (i % 7 === 0) throw error
      }).emit('close')
    while (!clock.idle) clock.turn()
    expect(ended.length).toBe(MANY)
    expect(failures).toEqual(Array.from({ length: Math.ceil(MANY / 7) }, () => error))
  })

  it('still send what was written', () => {
    const { add, flushed } = setUp(100)
    const socket = add(1, true)
    socket.emit('end')
    expect([socket.done, flushed]).toEqual([['ended'], [1]])
  })
})

describe('a client that ends its half of a connection', () => {
  it('is answered what it asked before, and the connection ends', async () => {
    const t = await timedServer(tls)
    const socket = connect(Number(new URL(t.url).port), '127.0.0.1')
    const got: Buffer[] = []
    socket.on('data', (chunk) => got.push(chunk))
    socket.end(PROTOCOL_HEADER)
    await once(socket, 'close')
    expect(Buffer.concat(got).includes('PLAIN')).toBe(true)
    await until(() => t.server.connections.size === 0, 'the end of the connection')
  })
})
