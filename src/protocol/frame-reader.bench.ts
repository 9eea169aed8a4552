import { bench, describe } from 'vitest'
import { type FrameHandler, FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { FRAME_BODY, FRAME_HEADER, MethodId } from './generated/constants.ts'

const handler: FrameHandler = {
  suspended: false,
  onMethod() {},
  onHeader() {},
  onBody() {},
  onPublish() {},
  onHeartbeat() {},
}

/** A chunk of at least 64 KiB of publishes with bodies of that size. */
function chunkOf(bodyBytes: number): { chunk: Buffer; messages: number } {
  const w = new FrameWriter()
  let messages = 0
  while (w.length < 65_536) {
    w.method(1, {
      id: MethodId.BasicPublish,
      ticket: 0,
      exchange: '',
      routingKey: 'a.queue',
      mandatory: false,
      immediate: false,
    })
    const h = new FrameWriter()
    h.u32(60 << 16)
    h.u64(bodyBytes)
    h.u16(0x1000)
    h.u8(2)
    w.frame(FRAME_HEADER, 1, h.view())
    w.frame(FRAME_BODY, 1, Buffer.alloc(bodyBytes))
    messages++
  }
  return { chunk: Buffer.from(w.view()), messages }
}

describe.each([16, 1024])('a chunk of publishes of %i octets', (size) => {
  const { chunk, messages } = chunkOf(size)
  const whole = new FrameReader(handler, 0)
  bench(`${messages} messages, whole`, () => {
    whole.read(chunk)
  })
  const cut = new FrameReader(handler, 0)
  const [a, b] = [chunk.subarray(0, 30_000), chunk.subarray(30_000)]
  bench(`${messages} messages, cut in the middle of a frame`, () => {
    cut.read(a)
    cut.read(b)
  })
})
