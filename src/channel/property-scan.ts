// hot: per message
/** Extracts the properties of a publish that the broker needs, without decoding the others. */
import { frameError } from '../protocol/errors.ts'
import { scanHeaders } from '../protocol/field-scan.ts'
import * as P from '../protocol/generated/properties.ts'
import { readU32 } from '../util/octets.ts'

/** The flags of the most common property list, which has only a delivery mode. */
const SIMPLE = P.FLAG_DELIVERY_MODE
const PERSISTENT = 2

export class PropertyScan {
  persistent = false
  priority = 0
  /** Which headers that matter to routing are present: bits of field-scan.ts. */
  special = 0
  /** Ranges of short strings in the source, without the length octet; start 0 = absent. */
  expirationStart = 0
  expirationEnd = 0
  replyToStart = 0
  replyToEnd = 0
  userIdStart = 0
  userIdEnd = 0
  private at = 0
  private end = 0

  /**
   * Scans a property list.
   * @param start offset of the flags
   * @param end offset of the end octet of the header frame
   * @throws AmqpError 501 if the list is invalid
   */
  read(b: Uint8Array, start: number, end: number): void {
    const flags = ((b[start] as number) << 8) | (b[start + 1] as number)
    this.special = 0
    this.priority = 0
    this.expirationStart = 0
    this.replyToStart = 0
    this.replyToEnd = 0
    this.userIdStart = 0
    this.persistent = false
    this.at = start + 2
    this.end = end
    if (flags === SIMPLE) this.persistent = b[this.step(1)] === PERSISTENT
    else if (flags !== 0) this.readAll(b, flags)
    if (this.at !== end) throw frameError('octets left over behind the content header')
  }

  private readAll(b: Uint8Array, flags: number): void {
    if (flags & P.FLAG_CONTENT_TYPE) this.shortstr(b)
    if (flags & P.FLAG_CONTENT_ENCODING) this.shortstr(b)
    if (flags & P.FLAG_HEADERS) this.headers(b)
    if (flags & P.FLAG_DELIVERY_MODE) this.persistent = b[this.step(1)] === PERSISTENT
    if (flags & P.FLAG_PRIORITY) this.priority = b[this.step(1)] as number
    if (flags & P.FLAG_CORRELATION_ID) this.shortstr(b)
    if (flags & P.FLAG_REPLY_TO) {
      this.replyToStart = this.shortstr(b)
      this.replyToEnd = this.at
    }
    if (flags & P.FLAG_EXPIRATION) {
      this.expirationStart = this.shortstr(b)
      this.expirationEnd = this.at
    }
    if (flags & P.FLAG_MESSAGE_ID) this.shortstr(b)
    if (flags & P.FLAG_TIMESTAMP) this.step(8)
    if (flags & P.FLAG_TYPE) this.shortstr(b)
    if (flags & P.FLAG_USER_ID) {
      this.userIdStart = this.shortstr(b)
      this.userIdEnd = this.at
    }
    if (flags & P.FLAG_APP_ID) this.shortstr(b)
    if (flags & P.FLAG_CLUSTER_ID) this.shortstr(b)
    if (flags & 3) throw frameError(`unknown property flags ${flags & 3}`)
  }

  private step(size: number): number {
    const start = this.at
    if (start + size > this.end) throw frameError('content header ends too early')
    this.at = start + size
    return start
  }

  /** Returns the start of the text; `at` is its end. */
  private shortstr(b: Uint8Array): number {
    const size = b[this.step(1)] as number
    return this.step(size)
  }

  private headers(b: Uint8Array): void {
    const at = this.step(4)
    const size = readU32(b, at)
    const start = this.step(size)
    if (size > 0) this.special = scanHeaders(b, start, start + size)
  }
}
