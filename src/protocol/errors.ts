import { ReplyCode, replies } from './generated/constants.ts'

export { ReplyCode }

/** Octets of a reply text: it is a short string (behaviour.md section 22). */
const REPLY_TEXT_BYTES_MAX = 255

/**
 * The one error that reaches a client. Thrown anywhere; `channel/dispatch.ts` adds the method that caused it
 * and closes what `closes` says (behaviour.md section 4).
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

  /** `<NAME> - <explanation>`, cut to what a short string carries, on a character boundary. */
  get replyText(): string {
    return cutToShortString(this.message)
  }
}

/** Cuts to 255 octets of UTF-8, ending in `...` where something was cut. */
export function cutToShortString(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= REPLY_TEXT_BYTES_MAX) return text
  let end = REPLY_TEXT_BYTES_MAX - 3
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}...`
}

export function frameError(explanation: string, cause?: unknown): AmqpError {
  return new AmqpError(ReplyCode.FrameError, explanation, { cause })
}

export function preconditionFailed(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation)
}
