/** The memory of output: little for those that write little, and nothing lost where it moves. */
import type { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { Turn } from '../../src/broker/turn.ts'
import { CHUNK_BYTES, PIECE_BYTES } from '../../src/output/chunks.ts'
import { Output } from '../../src/output/output.ts'
import { systemClock } from '../../src/util/clock.ts'

const owner = {
  failed(error: unknown): void {
    throw error
  },
}

/**
 * An output whose socket keeps what is written to it, and says only later that it has it.
 * @param isFull the system takes nothing until then
 */
function output(isFull = false): { out: Output; writes: Buffer[]; taken: () => void; turn: Turn } {
  const writes: Buffer[] = []
  let callbacks: (() => void)[] = []
  const socket = {
    writableLength: 0,
    cork() {},
    uncork() {},
    write(octets: Uint8Array, done: () => void) {
      writes.push(Buffer.from(octets))
      callbacks.push(done)
      if (isFull) socket.writableLength += octets.length
    },
  }
  const taken = (): void => {
    const due = callbacks
    callbacks = []
    socket.writableLength = 0
    for (const done of due) done()
  }
  const turn = new Turn(systemClock, () => {}, owner)
  return { out: new Output(socket as unknown as Socket, turn, owner, { watch() {} }), writes, taken, turn }
}

const octets = (count: number, first = 0): Buffer =>
  Buffer.from(Array.from({ length: count }, (_, i) => (first + i) & 0xff))

it('keeps what was written when it needs more room than a piece, and writes it as one', () => {
  for (const sizes of [
    [100],
    [PIECE_BYTES],
    [PIECE_BYTES - 1, 2],
    [1, PIECE_BYTES],
    [1000, 1000, 1000, 60_000],
    [PIECE_BYTES, CHUNK_BYTES - PIECE_BYTES],
  ]) {
    const { out, writes } = output()
    const all = sizes.map((size, i) => octets(size, i))
    for (const part of all) out.put(part)
    out.flush()
    expect([sizes, writes.map((w) => w.length)]).toEqual([sizes, [Buffer.concat(all).length]])
    expect(Buffer.concat(writes).equals(Buffer.concat(all))).toBe(true)
  }
})

it('writes what a chunk cannot hold as several, in order', () => {
  for (const sizes of [
    [100, CHUNK_BYTES],
    [CHUNK_BYTES + 1],
    [10, CHUNK_BYTES + 1, 10],
    Array.from({ length: 500 }, () => 1000),
  ]) {
    const { out, writes } = output()
    const all = sizes.map((size, i) => octets(size, i))
    for (const part of all) out.put(part)
    out.flush()
    expect(Buffer.concat(writes).equals(Buffer.concat(all))).toBe(true)
    for (const w of writes) expect(w.length).toBeLessThanOrEqual(2 * CHUNK_BYTES)
  }
})

it('holds a piece for each of very many connections that write a little, and uses it again', () => {
  const all = Array.from({ length: 20_000 }, () => output())
  for (const { out } of all) out.put(octets(21))
  const memory = new Set(all.map(({ out }) => out.chunk.bytes.buffer))
  expect(memory.size * CHUNK_BYTES).toBeLessThan(21_000 * PIECE_BYTES)
  for (const { out } of all) out.flush()
  // The octets are the sockets' until they have taken them.
  const late = output()
  late.out.put(octets(21, 7))
  late.out.flush()
  for (const { writes } of all) expect(writes[0]?.equals(octets(21))).toBe(true)
  for (const { taken } of all) taken()
  const again = output()
  again.out.put(octets(5))
  expect(memory.has(again.out.chunk.bytes.buffer)).toBe(true)
})

it('fills its chunks where the client reads nothing, however little is said in each turn', () => {
  const { out, writes, taken, turn } = output(true)
  const all: Buffer[] = []
  for (let i = 0; i < 100_000; i++) {
    all.push(octets(12, i))
    out.put(all[i] as Buffer)
    turn.run()
  }
  const full = Math.ceil((all.length * 12) / CHUNK_BYTES)
  expect(writes.length).toBeLessThan(full + 10)
  expect(out.waiting).toBe(all.length * 12)
  taken()
  turn.run()
  taken()
  expect(out.waiting).toBe(0)
  expect(Buffer.concat(writes).equals(Buffer.concat(all))).toBe(true)
})

it('hands over what it holds back before its socket is ended, and nothing once it is closed', () => {
  for (const end of ['finish', 'close'] as const) {
    const { out, writes, turn } = output(true)
    for (let i = 0; i < 20; i++) {
      out.put(octets(12, i))
      turn.run()
    }
    const before = writes.length
    expect(before).toBeLessThan(20)
    out[end]()
    expect(Buffer.concat(writes).length).toBe(12 * (end === 'finish' ? 20 : before))
    expect(out.holds).toBe(false)
  }
})

it('writes out what belongs to pinned memory, and collects what does not', () => {
  const { out, writes } = output(true)
  const pinned = { pin() {}, unpin() {} }
  for (let i = 0; i < 5; i++) {
    out.cork()
    out.put(octets(5000))
    out.uncork()
  }
  expect(writes.length).toBe(0)
  out.cork()
  out.put(octets(7))
  out.external(octets(CHUNK_BYTES), pinned)
  out.put(octets(1))
  out.uncork()
  expect(writes.map((w) => w.length)).toEqual([25_007, CHUNK_BYTES, 1])
})
