/** A user with rights in a vhost of the test's own, whose rights change while it is connected. */
import { beforeEach, expect, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type Http, useHttp } from '../management/target.ts'
import { CH } from '../support/session.ts'
import { differs, fresh } from '../support/target.ts'
import { type HandshakeOptions, Wire } from '../support/wire.ts'
import { type Right, withoutRight } from './operations.ts'

const ALL = { configure: '.*', write: '.*', read: '.*' }
export const cached = differs('RabbitMQ remembers what a channel was allowed until the channel is idle')
export const atOnce = differs('RabbitMQ looks at rights when a consumer comes, and not again')

/** Names and connections of the test that runs. */
export class RightsOfUser {
  readonly http: Http
  vhost = ''
  user = ''
  /** Of guest, who may do everything; channel 1 is open. */
  owner!: Wire

  constructor(http: Http) {
    this.http = http
  }

  /** A connection of the user with channel 1 open. */
  async open(o: HandshakeOptions = {}): Promise<Wire> {
    const w = await Wire.open(this.http.amqp, {
      vhost: this.vhost,
      user: this.user,
      password: 'secret',
      ...o,
    })
    onTestFinished(() => {
      w.socket.destroy()
    })
    await w.channel(CH)
    return w
  }

  /** All rights but those that are given otherwise. */
  async permit(rights: Partial<Record<Right, string>>): Promise<void> {
    const a = await this.http.put(`permissions/${this.vhost}/${this.user}`, { ...ALL, ...rights })
    expect([201, 204]).toContain(a.status)
  }

  async setUp(): Promise<void> {
    this.vhost = fresh('rights')
    this.user = fresh('user')
    const { http, vhost, user } = this
    await http.put(`vhosts/${vhost}`)
    await http.put(`permissions/${vhost}/guest`, ALL)
    await http.put(`users/${user}`, { password: 'secret', tags: '' })
    await this.permit({})
    this.owner = await Wire.open(http.amqp, { vhost })
    const { owner } = this
    await owner.channel(CH)
    for (const queue of ['q', 'q-other'])
      await owner.call(CH, MethodId.QueueDeclare, { queue }, MethodId.QueueDeclareOk)
    for (const exchange of ['x', 'x-other', 'x-topic'])
      await owner.call(CH, MethodId.ExchangeDeclare, { exchange, type: 'topic' }, MethodId.ExchangeDeclareOk)
  }

  async tearDown(): Promise<void> {
    this.owner.socket.destroy()
    await this.http.delete(`vhosts/${this.vhost}`)
    await this.http.delete(`users/${this.user}`)
  }
}

/** Call once in a test file: a vhost and a user for each test. */
export function useRights(): RightsOfUser {
  const r = new RightsOfUser(useHttp())
  beforeEach(async () => {
    await r.setUp()
    return () => r.tearDown()
  })
  return r
}

/** Resolves once the broker has handled everything that was sent before. */
export async function handled(w: Wire): Promise<void> {
  await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
}

/** The channel is closed: its code and text. */
export async function refusal(w: Wire): Promise<[number, string]> {
  const e = await w.channelError(CH)
  return [e.code, withoutRight(e.text)]
}
