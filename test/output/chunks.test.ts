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

/** An output whose socket keeps what is written to it, and says only later that it has it. */
function output(): { out: Output; writes: Buffer[]; taken: () => void } {
  const writes: Buffer[] = []
  let callbacks: (() => void)[] = []
  const socket = {
    writableLength: 0,
    write(octets: Uint8Array, done: () => void) {
      writes.push(Buffer.from(octets))
      callbacks.push(done)
    },
  }
  const taken = (): void => {
    for (const done of callbacks) done()
    callbacks = []
  }
  const turn = new Turn(systemClock, () => {}, owner)
  return { out: new Output(socket as unknown as Socket, turn, owner, { watch() {} }), writes, taken }
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
