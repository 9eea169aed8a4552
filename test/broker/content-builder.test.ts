import { describe, expect, it } from 'vitest'
import { ContentBuilder, encodeNames, InboundMessage, readContent } from '../../src/broker/message.ts'

/** Each octet once. */
const OCTETS = Buffer.from(Array.from({ length: 256 }, (_, i) => (i * 31) & 0xff))

describe('a body that is announced', () => {
  it('takes memory when it comes', () => {
    const size = 500_000_000
    const builder = new ContentBuilder(encodeNames('', 'q'), new Uint8Array(2), size)
    expect(builder.capacity).toBeLessThan(2_000_000)
    const piece = new Uint8Array(70_000)
    for (let i = 0; i < 100; i++) builder.add(piece.fill(i))
    expect(builder.missing).toBe(size - 7_000_000)
    expect(builder.capacity).toBeLessThan(30_000_000)
  })

  it.each([0, 1, 131_064, 131_065, 1_200_000, 5_000_001])('is what came: %d octets', (size) => {
    const builder = new ContentBuilder(encodeNames('x', 'key'), new Uint8Array([0x10, 0, 2]), size)
    const body = Buffer.alloc(size, OCTETS)
    for (let at = 0; at < size; at += 99_991) builder.add(body.subarray(at, at + 99_991))
    const m = new InboundMessage()
    builder.fill(m)
    const content = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
    expect([content.exchange, content.routingKey, content.properties.deliveryMode]).toEqual(['x', 'key', 2])
    expect(content.body.equals(body)).toBe(true)
  })
})
