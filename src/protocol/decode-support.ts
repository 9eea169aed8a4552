/** Used by the generated decoders: bounds checks, strings, tables, and a typed wrapper of binary-parser. */
import { Parser } from 'binary-parser'
import { TABLE_DEPTH_INSIDE_MAX } from '../limits.ts'
import { octetText } from '../util/octet-text.ts'
import { frameError } from './errors.ts'
import { FieldTable } from './field-table.ts'

/** Compiles the parser at its first use, so that startup does not pay for methods that are never used. */
export function parser<T>(describe: (p: Parser) => unknown): (args: Buffer) => T {
  let compiled: Parser | undefined
  return (args) => {
    compiled ??= describe(new Parser()) as Parser
    try {
      return compiled.parse(args) as T
    } catch (cause) {
      throw frameError('method arguments end too early', cause)
    }
  }
}

export function need(args: Buffer, size: number): void {
  if (args.length < size) throw frameError('method arguments end too early')
}

export function ended(args: Buffer, size: number): void {
  if (args.length === size) return
  throw frameError(
    args.length < size ? 'method arguments end too early' : 'octets left over behind the method arguments',
  )
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes a short string of a method that carries a message, such as basic.publish: its octets need not be UTF-8. */
export function anyText(bytes: Buffer, length: number): string {
  return octetText(octets(bytes, length))
}

/**
 * Decodes a short string of any other method, which must be UTF-8 (behaviour.md section 1).
 * @throws AmqpError 501 if it is not
 */
export function text(bytes: Buffer, length: number): string {
  octets(bytes, length)
  let ascii = true
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) > 127) ascii = false
  if (ascii) return bytes.toString('latin1', 0, bytes.length)
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw frameError('Malformed UTF-8 in shortstr', cause)
  }
}

export function octets(bytes: Buffer, length: number): Buffer {
  if (bytes.length !== length) throw frameError('method arguments end too early')
  return bytes
}

/** Copies the octets, since arguments outlive the chunk in which they were received. */
export function table(bytes: Buffer, length: number): FieldTable {
  return FieldTable.decode(Buffer.from(octets(bytes, length)))
}

/** Reads a property list, and checks each step against its end. */
export class PropertyReader {
  private readonly buffer: Buffer
  private at: number
  private readonly end: number

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer
    this.at = start
    this.end = end
  }

  private take(size: number): number {
    const start = this.at
    if (start + size > this.end) throw frameError('content header ends too early')
    this.at = start + size
    return start
  }

  u8(): number {
    return this.buffer[this.take(1)] as number
  }

  u64(): bigint {
    return this.buffer.readBigUInt64BE(this.take(8))
  }

  shortstr(): string {
    const size = this.u8()
    const start = this.take(size)
    return octetText(this.buffer, start, start + size)
  }

  table(): FieldTable {
    const size = this.buffer.readUInt32BE(this.take(4))
    const start = this.take(size)
    return FieldTable.decode(Buffer.from(this.buffer.subarray(start, start + size)), TABLE_DEPTH_INSIDE_MAX)
  }

  ended(): void {
    if (this.at !== this.end) throw frameError('octets left over behind the content header')
  }
}
