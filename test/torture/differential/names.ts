/** What one broker calls things, and what both are compared by: names of the program, and those that the server has given. */
import type { AnyMethod } from '../../../src/protocol/generated/methods.ts'
import type { Properties } from '../../../src/protocol/generated/properties.ts'
import type { Received } from '../../support/wire.ts'
import { shownTable } from './typed.ts'

const REPLY_TO = 'amq.rabbitmq.reply-to'
const given = /amq\.(gen-|ctag-|rabbitmq\.reply-to\.)[\w.+/=-]+/g
/** So much of a body says which message it is. */
const BODY_SHOWN = 12

export class Names {
  private readonly prefix: string
  private readonly byServer = new Map<string, string>()
  /** Full names. */
  readonly queuesByServer: string[] = []
  /** The queue that the server named last. */
  generated: string
  /** The latest address for direct replies. */
  replyTo: string = REPLY_TO

  constructor(prefix: string) {
    this.prefix = prefix
    this.generated = `${prefix}none`
  }

  declaredByServer(queue: string): void {
    this.generated = queue
    this.queuesByServer.push(queue)
  }

  /** What is sent. */
  readonly full = (text: string): string =>
    text.replaceAll('@', this.prefix).replaceAll('$gen', this.generated).replaceAll('$reply', this.replyTo)

  /** What is compared. */
  short(text: string): string {
    return text
      .replaceAll(this.prefix, '@')
      .replaceAll(given, (name, kind: string) => this.numbered(name, kind))
  }

  private numbered(name: string, kind: string): string {
    const known = this.byServer.get(name)
    if (known !== undefined) return known
    const number = [...this.byServer.values()].filter((n) => n.startsWith(`<${kind}`)).length + 1
    this.byServer.set(name, `<${kind}${number}>`)
    return `<${kind}${number}>`
  }

  /** Every field but those in `without`. */
  fields(m: AnyMethod, ...without: readonly string[]): string {
    const { id: _, ...fields } = m
    const shown = Object.entries(fields).flatMap(([name, v]) =>
      without.includes(name) ? [] : [`${name}=${typeof v === 'string' ? this.short(v) : String(v)}`],
    )
    return shown.join(' ')
  }

  content(r: Received): string {
    return `${this.body(r)} ${this.properties(r.properties ?? {})}`.trimEnd()
  }

  body({ body = Buffer.alloc(0) }: Received): string {
    return `${this.short(body.subarray(0, BODY_SHOWN).toString('latin1'))}(${body.length})`
  }

  private properties(p: Properties): string {
    if (p.replyTo?.startsWith(`${REPLY_TO}.`) === true) this.replyTo = p.replyTo
    const shown = Object.entries(p).flatMap(([name, v]) =>
      v === undefined ? [] : [`${name}=${this.short(typeof v === 'object' ? shownTable(v) : String(v))}`],
    )
    return shown.join(' ')
  }
}
