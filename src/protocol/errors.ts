import { cutToOctets, SHORT_STRING_BYTES_MAX } from '../util/octet-text.ts'
import { ReplyCode, replies } from './generated/constants.ts'

export { ReplyCode }

/**
 * The only kind of error that is reported to clients. May be thrown anywhere; the connection adds the method that
 * caused it and closes what `closes` names (behaviour.md section 4).
 */
export class AmqpError extends Error {
  override readonly name = 'AmqpError'
  readonly code: ReplyCode
  readonly explanation: string
  readonly closes: 'channel' | 'connection'

  constructor(code: ReplyCode, explanation: string, options?: { closes?: 'connection'; cause?: unknown }) {
    super(explanation === '' ? replies[code].name : `${replies[code].name} - ${explanation}`, {
      cause: options?.cause,
    })
    this.code = code
    this.explanation = explanation
    this.closes = options?.closes ?? (replies[code].closes === 'channel' ? 'channel' : 'connection')
  }

  /** `<NAME> - <explanation>`, cut at a character boundary to the length of a short string. */
  get replyText(): string {
    return cutToShortString(this.message)
  }
}

/** Cuts to 255 octets of UTF-8, with `...` at the end if anything was cut; octets that are not UTF-8 become U+FFFD. */
export function cutToShortString(text: string): string {
  const shown = text.toWellFormed()
  if (Buffer.byteLength(shown) <= SHORT_STRING_BYTES_MAX) return shown
  return `${cutToOctets(shown, SHORT_STRING_BYTES_MAX - 3)}...`
}

export function frameError(explanation: string, cause?: unknown): AmqpError {
  return new AmqpError(ReplyCode.FrameError, explanation, { cause })
}

export function preconditionFailed(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation)
}
