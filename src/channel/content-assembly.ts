/** A publish whose frames arrive separately: which frame is expected next, and the part received so far. */
import { ContentBuilder } from '../broker/message.ts'
import { CONTENT_BYTES_MAX } from '../limits.ts'
import { AmqpError, frameError, ReplyCode } from '../protocol/errors.ts'
import type { BasicPublish } from '../protocol/generated/methods.ts'
import { plainView } from '../util/copy.ts'

const BASIC_CLASS = 60
/** Length of class id, weight and body size. */
const HEADER_FIXED_BYTES = 12

function unexpected(text: string): AmqpError {
  return new AmqpError(ReplyCode.UnexpectedFrame, text)
}

export class ContentAssembly {
  /** The basic.publish method whose content is being received. */
  method: BasicPublish | undefined
  builder: ContentBuilder | undefined
  /** Exchange and routing key as received, since routing keys need not be UTF-8. */
  private names: Uint8Array = new Uint8Array(0)

  /** No publish has begun: the next frame must be a method. */
  get idle(): boolean {
    return this.method === undefined
  }

  /** @param args the arguments of the method: ticket, the two names, one octet of bits */
  begin(method: BasicPublish, args: Buffer): void {
    this.method = method
    this.names = new Uint8Array(args.subarray(2, args.length - 1))
  }

  /** @throws AmqpError 505 if a frame of another type is expected */
  expectMethod(): void {
    if (this.method === undefined) return
    const due = this.builder === undefined ? `content header for class ${BASIC_CLASS}` : 'content body'
    const got = this.builder === undefined ? 'non content header' : 'non content body'
    throw unexpected(`expected ${due}, got ${got} frame instead`)
  }

  /** Handles the payload of a header frame. @throws AmqpError 501 if it is invalid, 505 if another frame is expected */
  header(buffer: Buffer, start: number, end: number): void {
    if (this.method === undefined) throw unexpected('expected method frame, got non method frame instead')
    if (this.builder !== undefined)
      throw unexpected('expected content body, got non content body frame instead')
    if (end - start < HEADER_FIXED_BYTES + 2) throw frameError('content header ends too early')
    const classId = buffer.readUInt16BE(start)
    if (classId !== BASIC_CLASS)
      throw unexpected(
        `expected content header for class ${BASIC_CLASS}, got one for class ${classId} instead`,
      )
    const size = buffer.readBigUInt64BE(start + 4)
    if (size > BigInt(CONTENT_BYTES_MAX))
      throw frameError(`content body size ${size} exceeds maximum allowed size ${CONTENT_BYTES_MAX}`)
    const properties = plainView(buffer.subarray(start + HEADER_FIXED_BYTES, end))
    this.builder = new ContentBuilder(this.names, properties, Number(size))
  }

  /** Handles octets of a body frame. @throws AmqpError 501 if there are too many, 505 if another frame is expected */
  body(buffer: Buffer, start: number, end: number): void {
    if (this.builder === undefined)
      throw unexpected(
        this.method === undefined
          ? 'expected method frame, got non method frame instead'
          : `expected content header for class ${BASIC_CLASS}, got non content header frame instead`,
      )
    if (end - start > this.builder.missing)
      throw frameError('content body frame exceeds remaining content size')
    this.builder.add(plainView(buffer.subarray(start, end)))
  }

  get complete(): boolean {
    return this.builder !== undefined && this.builder.missing === 0
  }

  /** Prepares for the next publish. */
  reset(): void {
    this.method = undefined
    this.builder = undefined
  }
}
