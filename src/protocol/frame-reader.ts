// hot: per message
/**
 * Splits a connection's input into frames. Frames may be split anywhere between chunks; no object is created for a
 * frame. Knows octets and frame limits, but not the meaning of methods.
 */
import { AmqpError, frameError, ReplyCode } from './errors.ts'
import { FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD } from './generated/constants.ts'

const PREFIX_BYTES = 7
const BASIC_CLASS = 60
const BASIC_PUBLISH_METHOD = 40
/** Length of class id, weight, body size and flags of a content header. */
const HEADER_FIXED_BYTES = 14

/** Receives the frames. Offsets refer to `buffer` and are valid only during the call. */
export interface FrameHandler {
  /** Set by one of the methods below to stop after the current frame; `read` then returns the number of octets used. */
  readonly suspended: boolean
  /** Whether a publish may have to wait after its method frame: `onPublish` is not called then. */
  readonly holdsPublishes?: boolean
  /** The payload of a method frame: class id, method id, arguments. */
  onMethod(channel: number, buffer: Buffer, start: number, end: number): void
  /** The payload of a content header frame. */
  onHeader(channel: number, buffer: Buffer, start: number, end: number): void
  /** Octets of a body frame's payload, in one piece or several. */
  onBody(channel: number, buffer: Buffer, start: number, end: number): void
  /**
   * basic.publish with its header and body, all in one chunk: `method` is the payload start of the method frame,
   * `header` that of the header frame; `end` is the end of the last frame.
   */
  onPublish(
    channel: number,
    buffer: Buffer,
    method: number,
    header: number,
    end: number,
    bodySize: number,
  ): void
  /** A heartbeat frame. */
  onHeartbeat(channel: number): void
}

export class FrameReader {
  /** Maximum octets of a frame, including header and end octet; 0 = no limit. Set by connection.tune-ok. */
  frameBytesMax: number
  private readonly handler: FrameHandler
  /** The beginning of an incomplete frame (never of a body frame, which is passed on in pieces). */
  private partial: Buffer
  private partialLength = 0
  /** Octets of the current body frame that have not arrived, without its end octet; -1 = not in a body frame. */
  private bodyLeft = -1
  private bodyChannel = 0

  constructor(handler: FrameHandler, frameBytesMax: number) {
    this.handler = handler
    this.frameBytesMax = frameBytesMax
    this.partial = Buffer.alloc(0)
  }

  /**
   * Reads all frames of the chunk and keeps the beginning of an incomplete one.
   * @returns the number of octets used: all, unless the handler is suspended
   * @throws AmqpError 501 for a malformed frame
   */
  read(chunk: Buffer): number {
    const length = chunk.length
    let at = 0
    if (this.bodyLeft >= 0) at = this.continueBody(chunk, at)
    else if (this.partialLength > 0) at = this.finishPartial(chunk)
    const handler = this.handler
    while (at < length) {
      if (handler.suspended) return at
      const left = length - at
      if (left < PREFIX_BYTES) {
        this.keep(chunk, at)
        return length
      }
      const type = chunk[at] as number
      const channel = ((chunk[at + 1] as number) << 8) | (chunk[at + 2] as number)
      const size = readSize(chunk, at + 3)
      const frameEnd = at + PREFIX_BYTES + size + 1
      if (frameEnd > length) {
        this.checkSize(chunk, at, type, size)
        if (type === FRAME_BODY) {
          this.bodyLeft = size
          this.bodyChannel = channel
          at = this.continueBody(chunk, at + PREFIX_BYTES)
          continue
        }
        this.keep(chunk, at)
        return length
      }
      if (type === FRAME_METHOD && size > 8) {
        const end = this.tryPublish(chunk, at, channel, frameEnd)
        if (end > 0) {
          at = end
          continue
        }
      }
      this.frame(chunk, at, type, channel, size)
      at = frameEnd
    }
    return at
  }

  /**
   * Handles basic.publish with its header and a body of one frame, if they are all in the chunk. Returns the end of the
   * last frame, or 0 if the chunk contains anything else there.
   */
  private tryPublish(chunk: Buffer, at: number, channel: number, headerAt: number): number {
    if (
      chunk[at + 8] !== BASIC_CLASS ||
      chunk[at + 10] !== BASIC_PUBLISH_METHOD ||
      chunk[at + 7] !== 0 ||
      chunk[at + 9] !== 0 ||
      this.handler.holdsPublishes
    )
      return 0
    const length = chunk.length
    if (headerAt + PREFIX_BYTES + HEADER_FIXED_BYTES > length) return 0
    const c1 = chunk[at + 1]
    const c2 = chunk[at + 2]
    if (chunk[headerAt] !== FRAME_HEADER || chunk[headerAt + 1] !== c1 || chunk[headerAt + 2] !== c2) return 0
    const headerSize = readSize(chunk, headerAt + 3)
    const bodyAt = headerAt + PREFIX_BYTES + headerSize + 1
    if (bodyAt > length || headerSize < HEADER_FIXED_BYTES) return 0
    if (chunk[headerAt + PREFIX_BYTES] !== 0 || chunk[headerAt + PREFIX_BYTES + 1] !== BASIC_CLASS) return 0
    if (readSize(chunk, headerAt + PREFIX_BYTES + 4) !== 0) return 0
    const bodySize = readSize(chunk, headerAt + PREFIX_BYTES + 8)
    let end = bodyAt
    if (bodySize > 0) {
      if (bodyAt + PREFIX_BYTES > length || chunk[bodyAt] !== FRAME_BODY) return 0
      if (chunk[bodyAt + 1] !== c1 || chunk[bodyAt + 2] !== c2) return 0
      end = bodyAt + PREFIX_BYTES + bodySize + 1
      if (end > length || readSize(chunk, bodyAt + 3) !== bodySize || chunk[end - 1] !== FRAME_END) return 0
    }
    if (chunk[headerAt - 1] !== FRAME_END || chunk[bodyAt - 1] !== FRAME_END) return 0
    const max = this.frameBytesMax
    if (max !== 0 && (bodySize > max || headerSize > max || headerAt - at > max + PREFIX_BYTES + 1)) return 0
    this.handler.onPublish(channel, chunk, at + PREFIX_BYTES, headerAt + PREFIX_BYTES, end, bodySize)
    return end
  }

  /** Handles the complete frame that begins at `at`. */
  private frame(chunk: Buffer, at: number, type: number, channel: number, size: number): void {
    this.checkSize(chunk, at, type, size)
    const start = at + PREFIX_BYTES
    const end = start + size
    if (chunk[end] !== FRAME_END) throw badEnd(chunk, at, type, chunk[end] as number)
    switch (type) {
      case FRAME_METHOD:
        if (size < 4) throw frameError('method frame without class and method id')
        this.handler.onMethod(channel, chunk, start, end)
        break
      case FRAME_HEADER:
        this.handler.onHeader(channel, chunk, start, end)
        break
      case FRAME_BODY:
        this.handler.onBody(channel, chunk, start, end)
        break
      default:
        this.handler.onHeartbeat(channel)
    }
  }

  private continueBody(chunk: Buffer, at: number): number {
    const available = chunk.length - at
    const piece = Math.min(available, this.bodyLeft)
    if (piece > 0) {
      this.bodyLeft -= piece
      this.handler.onBody(this.bodyChannel, chunk, at, at + piece)
    }
    const end = at + piece
    if (this.bodyLeft > 0 || end === chunk.length) return chunk.length
    if (chunk[end] !== FRAME_END) throw badEnd(chunk, at, FRAME_BODY, chunk[end] as number)
    this.bodyLeft = -1
    return end + 1
  }

  /** Completes the kept frame with octets of the chunk; returns the number of octets used. */
  private finishPartial(chunk: Buffer): number {
    let used = 0
    if (this.partialLength < PREFIX_BYTES) {
      used = this.append(chunk, 0, PREFIX_BYTES - this.partialLength)
      if (this.partialLength < PREFIX_BYTES) return used
    }
    const type = this.partial[0] as number
    const channel = this.partial.readUInt16BE(1)
    const size = readSize(this.partial, 3)
    this.checkSize(this.partial, 0, type, size)
    if (type === FRAME_BODY) {
      this.partialLength = 0
      this.bodyLeft = size
      this.bodyChannel = channel
      return this.continueBody(chunk, used)
    }
    const whole = PREFIX_BYTES + size + 1
    used += this.append(chunk, used, whole - this.partialLength)
    if (this.partialLength < whole) return used
    const frame = this.partial
    this.partialLength = 0
    this.partial = Buffer.alloc(0)
    this.frame(frame, 0, type, channel, size)
    return used
  }

  private keep(chunk: Buffer, at: number): void {
    this.append(chunk, at, chunk.length - at)
  }

  private append(chunk: Buffer, at: number, wanted: number): number {
    const size = Math.min(wanted, chunk.length - at)
    const needed = this.partialLength + size
    if (needed > this.partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, needed, this.partial.length * 2))
      this.partial.copy(larger, 0, 0, this.partialLength)
      this.partial = larger
    }
    chunk.copy(this.partial, this.partialLength, at, at + size)
    this.partialLength = needed
    return size
  }

  private checkSize(buffer: Buffer, at: number, type: number, size: number): void {
    const known =
      type === FRAME_METHOD || type === FRAME_HEADER || type === FRAME_BODY || type === FRAME_HEARTBEAT
    if (!known)
      throw new AmqpError(ReplyCode.FrameError, `type ${type}, all octets = <<>>: {frame_type_unknown}`)
    // The limit is for the whole frame, but RabbitMQ allows a payload of that size (behaviour.md section 1).
    if (this.frameBytesMax !== 0 && size > this.frameBytesMax)
      throw frameError(`${describe(buffer, at, type)}: {frame_too_large,${size},${this.frameBytesMax - 8}}`)
  }
}

function readSize(b: Buffer, at: number): number {
  return (
    (((b[at] as number) << 24) |
      ((b[at + 1] as number) << 16) |
      ((b[at + 2] as number) << 8) |
      (b[at + 3] as number)) >>>
    0
  )
}

function describe(buffer: Buffer, at: number, type: number): string {
  const payload = buffer.subarray(at + PREFIX_BYTES, at + PREFIX_BYTES + 16)
  return `type ${type}, first 16 octets = <<${[...payload].join(',')}>>`
}

function badEnd(buffer: Buffer, at: number, type: number, octet: number): AmqpError {
  return frameError(`${describe(buffer, at, type)}: {invalid_frame_end_marker,${octet}}`)
}
