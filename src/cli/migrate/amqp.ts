/** AMQP access to the other broker: checks that it responds and grants access, and reads current queue lengths. */
import type { Client, LinkChannel } from '../../shovel/amqplib.ts'
import { openLink } from '../../shovel/connect.ts'
import { parseUri, UriError } from '../../shovel/uri.ts'
import { pause } from '../../util/timers.ts'
import { CtlError } from '../ctl/client.ts'
import { EXIT_UNAVAILABLE, enc } from '../ctl/command.ts'
import { failure, Interrupted, usage, type Waits } from './ends.ts'

const AGAIN_MS = 500
const CLOSE_MS = 1000
const EXIT_REFUSED = 77
const NOT_FOUND = 404

export class Source {
  /** `old:5672` */
  readonly name: string
  readonly user: string
  readonly password: string
  readonly host: string
  /** The vhost in the URI; undefined if there is none. */
  readonly vhost: string | undefined
  private readonly before: string
  private readonly query: string
  private readonly waits: Waits
  private readonly signal: AbortSignal
  private readonly channels = new Map<string, { client: Client; channel: LinkChannel }>()

  /** @throws CtlError for an invalid URI */
  constructor(uri: string, waits: Waits, signal: AbortSignal) {
    const parts = /^(amqps?:\/\/[^/?#]*)(\/[^?#]*)?(\?[^#]*)?$/i.exec(uri)
    const wrong = 'the first argument is an address such as amqp://user:password@host:5672'
    if (parts === null) throw usage(wrong)
    const [, before = '', path = '', query = ''] = parts
    this.before = before
    this.query = query
    this.waits = waits
    this.signal = signal
    try {
      const { host, port, user = 'guest', password = 'guest', vhost } = parseUri(uri)
      if (host === undefined) throw usage(`${wrong}; this Leveret is the other broker`)
      this.host = host
      this.name = `${host}:${port}`
      this.user = user
      this.password = password
      this.vhost = path.length > 1 ? vhost : undefined
    } catch (error) {
      throw error instanceof UriError ? usage(`${wrong}: ${error.message}`) : error
    }
  }

  uri(vhost: string): string {
    return `${this.before}/${enc(vhost)}${this.query}`
  }

  /** @throws CtlError with one sentence: no response, login refused, or no access to the vhost */
  async check(vhost: string): Promise<void> {
    try {
      await this.channel(vhost)
    } catch (error) {
      throw this.explained(error as Error & { code?: unknown }, vhost)
    }
  }

  private explained(error: Error & { code?: unknown }, vhost: string): CtlError {
    const { message, code } = error
    const [text = ''] = (message || String(code)).split('\n')
    const refused = (why: string): CtlError => new CtlError(why, EXIT_REFUSED)
    if (/ACCESS[_-]REFUSED/.test(text) && /Login/.test(text))
      return refused(
        `${this.name} refuses user '${this.user}' over AMQP: the name or the password is wrong${
          this.user === 'guest' ? ', or guest can log in from the same machine only' : ''
        }`,
      )
    if (/vhost/.test(text))
      return refused(`user '${this.user}' has no access to vhost '${vhost}' of ${this.name}`)
    if (text.endsWith('does not speak TLS')) return new CtlError(text, EXIT_UNAVAILABLE)
    if (typeof code === 'string')
      return new CtlError(`${this.name} cannot be reached over AMQP: ${text}`, EXIT_UNAVAILABLE)
    return failure(`${this.name} over AMQP: ${text}`)
  }

  private async channel(vhost: string): Promise<LinkChannel> {
    const open = this.channels.get(vhost)
    if (open !== undefined) return open.channel
    const client = await openLink(parseUri(this.uri(vhost)), undefined, 'leveret migrate', this.signal)
    client.on('close', () => this.channels.delete(vhost))
    const channel = await client.createChannel()
    channel.on('error', () => {})
    channel.on('close', () => {
      this.channels.delete(vhost)
      client.close().catch(() => {})
    })
    this.channels.set(vhost, { client, channel })
    return channel
  }

  /** The queue's length; undefined if it does not exist. Waits for a broker that is down. @throws CtlError, Interrupted */
  async ready(vhost: string, queue: string): Promise<number | undefined> {
    for (let waiting = false; ; waiting = true) {
      if (this.signal.aborted) throw new Interrupted()
      try {
        const { messageCount } = await (await this.channel(vhost)).checkQueue(queue)
        if (waiting) this.waits(undefined)
        return messageCount
      } catch (error) {
        const { code } = error as { code?: unknown }
        // RabbitMQ also replies with this code while the queue's node is starting.
        if (code === NOT_FOUND) return undefined
        if (typeof code === 'number' && code !== 320)
          throw failure(`${this.name}: ${(error as Error).message}`)
        this.waits(`${this.name} to come back`)
        await pause(AGAIN_MS, { signal: this.signal }).catch(() => {})
      }
    }
  }

  /** Closes each client before its socket: a client whose socket is merely destroyed would wait for heartbeats. */
  async close(): Promise<void> {
    const open = [...this.channels.values()]
    this.channels.clear()
    for (const { client } of open) {
      await Promise.race([client.close(), pause(CLOSE_MS, { ref: false })]).catch(() => {})
      client.connection.stream.destroy()
    }
  }
}
