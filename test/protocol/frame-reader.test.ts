import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FrameHandler, FrameReader } from '../../src/protocol/frame-reader.ts'
import { FrameWriter } from '../../src/protocol/frame-writer.ts'
import { headerPayload, publishFrames } from '../support/wire.ts'

/** What a reader hands on, in a form that does not depend on how the input was cut. */
class Recorder implements FrameHandler {
  suspended = false
  readonly seen: string[] = []
  private body = ''

  private flush(): void {
    if (this.body !== '') this.seen.push(this.body)
    this.body = ''
  }
  onMethod(ch: number, b: Buffer, start: number, end: number): void {
    this.flush()
    this.seen.push(`method ${ch} ${b.toString('hex', start, end)}`)
  }
  onHeader(ch: number, b: Buffer, start: number, end: number): void {
    this.flush()
    this.seen.push(`header ${ch} ${b.toString('hex', start, end)}`)
  }
  onBody(ch: number, b: Buffer, start: number, end: number): void {
    if (!this.body.startsWith(`body ${ch} `)) {
      this.flush()
      this.body = `body ${ch} `
    }
    this.body += b.toString('hex', start, end)
  }
  onPublish(ch: number, b: Buffer, method: number, header: number, end: number, size: number): void {
    this.onMethod(ch, b, method, header - 8)
    const bodyAt = size === 0 ? end : end - 8 - size
    this.onHeader(ch, b, header, bodyAt - 1)
    if (size > 0) this.onBody(ch, b, bodyAt + 7, end - 1)
  }
  onHeartbeat(ch: number): void {
    this.flush()
    this.seen.push(`heartbeat ${ch}`)
  }
  done(): string[] {
    this.flush()
    return this.seen
  }
}

const payload = fc.uint8Array({ minLength: 4, maxLength: 300 })
const frame = fc.oneof(
  fc.record({ type: fc.constantFrom(1, 2), channel: fc.nat(65535), payload }),
  fc.record({
    type: fc.constant(3),
    channel: fc.nat(65535),
    payload: fc.uint8Array({ minLength: 1, maxLength: 3000 }),
  }),
  fc.record({ type: fc.constant(8), channel: fc.constant(0), payload: fc.constant(new Uint8Array(0)) }),
)
const publish = fc
  .record({
    channel: fc.integer({ min: 1, max: 9 }),
    body: fc.uint8Array({ maxLength: 400 }),
    split: fc.integer({ min: 1, max: 500 }),
  })
  .map(({ channel, body, split }) =>
    publishFrames(channel, { routingKey: 'key', body: Buffer.from(body), split }),
  )

function encode(frames: readonly { type: number; channel: number; payload: Uint8Array }[]): Buffer {
  const w = new FrameWriter()
  for (const f of frames) w.frame(f.type, f.channel, f.payload)
  return Buffer.from(w.view())
}

function readCut(bytes: Buffer, cuts: readonly number[]): string[] {
  const r = new Recorder()
  const reader = new FrameReader(r, 0)
  const points = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b)
  let from = 0
  for (const to of [...points, bytes.length]) {
    // A copy of its own memory, as a socket hands it out.
    if (to > from) reader.read(Buffer.from(bytes.subarray(from, to)))
    from = to
  }
  return r.done()
}

describe('frame reader', () => {
  it('reads any frames back equal, wherever they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 20 }),
        fc.array(fc.nat(), { maxLength: 40 }),
        (frames, cuts) => {
          const bytes = encode(frames)
          expect(readCut(bytes, cuts)).toEqual(readCut(bytes, []))
          const r = new Recorder()
          for (const f of frames) {
            const b = Buffer.from(f.payload)
            if (f.type === 1) r.onMethod(f.channel, b, 0, b.length)
            else if (f.type === 2) r.onHeader(f.channel, b, 0, b.length)
            else if (f.type === 3) r.onBody(f.channel, b, 0, b.length)
            else if (f.type === 8) r.onHeartbeat(0)
          }
          expect(readCut(bytes, cuts)).toEqual(r.done())
        },
      ),
      { numRuns: 500 },
    )
  })

  it('the pass for whole publishes sees what the frame by frame pass sees', () => {
    fc.assert(
      fc.property(
        fc.array(publish, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        (list, cuts) => {
          const bytes = Buffer.concat(list)
          const everyOctet = Array.from({ length: bytes.length }, (_, i) => i)
          expect(readCut(bytes, cuts)).toEqual(readCut(bytes, everyOctet))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('takes a publish in one call', () => {
    const calls: string[] = []
    const r = new Recorder()
    r.onPublish = () => calls.push('publish')
    new FrameReader(r, 0).read(publishFrames(1, { routingKey: 'k', body: 'b' }))
    expect([calls, r.done()]).toEqual([['publish'], []])
  })

  it('stops behind the frame in which its handler suspends itself', () => {
    const r = new Recorder()
    r.onHeartbeat = () => {
      r.suspended = true
    }
    const one = encode([{ type: 8, channel: 0, payload: new Uint8Array(0) }])
    expect(new FrameReader(r, 0).read(Buffer.concat([one, one]))).toBe(one.length)
  })

  it.each([
    ['a wrong end octet', Buffer.from([1, 0, 0, 0, 0, 0, 4, 0, 1, 2, 3, 0]), /invalid_frame_end_marker,0/],
    ['an unknown type', Buffer.from([9, 0, 0, 0, 0, 0, 0, 0xce]), /type 9/],
    ['a frame too large', Buffer.from([1, 0, 0, 0, 1, 0, 0]), /frame_too_large,65536,4088/],
    ['a body too large', Buffer.from([3, 0, 1, 0, 1, 0, 0]), /frame_too_large/],
  ])('%s is 501', (_what, bytes, text) => {
    const reader = new FrameReader(new Recorder(), 4096)
    expect(() => reader.read(Buffer.concat([bytes, Buffer.alloc(20)]))).toThrow(text)
  })

  it('a publish larger than a frame may be is 501', () => {
    const reader = new FrameReader(new Recorder(), 4096)
    expect(() => reader.read(publishFrames(1, { routingKey: 'k', body: Buffer.alloc(5000) }))).toThrow(
      /frame_too_large/,
    )
    expect(headerPayload(0).length).toBe(14)
  })
})
