import type { Channel } from '../../channel/channel.ts'
import type { ChannelConsumer } from '../../channel/consumer.ts'
import type { Connection } from '../../connection/connection.ts'
import { ReplyCode } from '../../protocol/errors.ts'
import { channelJson, channelName, connectionJson, consumerJson } from '../describe.ts'
import { type AddRoute, notFound, type Request } from '../http.ts'
import { type Listed, listed } from '../listing.ts'
import type { ManagedNode } from '../managed-node.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

export function clientRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  const statistics = (r: Request): Statistics => new Statistics(rates, r.query)
  const connections = (s: Statistics): Listed<Connection> => ({
    name: (c) => c.name,
    describe: (c) => connectionJson(s, c),
    keys: { channels: (c) => c.channels.size, user: (c) => c.caller?.user },
  })
  const channels = (s: Statistics): Listed<Channel> => ({
    name: channelName,
    describe: (ch) => channelJson(s, ch),
  })
  const consumers: Listed<ChannelConsumer> = { name: (c) => c.tag, describe: (c) => consumerJson(node, c) }

  const visible = (r: Request): Connection[] =>
    [...r.server.connections].filter(({ state, caller }) => {
      if (state !== 'open' || caller === undefined) return false
      if (r.params['vhost'] !== undefined && caller.vhost.name !== r.params['vhost']) return false
      return r.is('monitoring') || caller.user === r.user.name
    })
  const one = (r: Request): Connection => {
    const c = visible(r).find((x) => x.name === r.params['name'])
    if (c === undefined) throw notFound()
    return c
  }
  const channelsOf = (list: Connection[]): Channel[] => list.flatMap((c) => [...c.channels])

  for (const path of ['connections', 'vhosts/:vhost/connections'])
    add('GET', path, 'management', (r) => listed(visible(r), connections(statistics(r)), r.query))
  add('GET', 'connections/:name', 'management', (r) => connectionJson(statistics(r), one(r)))
  add('GET', 'connections/:name/channels', 'management', (r) =>
    listed(one(r).channels, channels(statistics(r)), r.query),
  )
  add('DELETE', 'connections/:name', 'management', (r) => {
    close(one(r), r)
    return r.stored(false)
  })
  add('GET', 'connections/username/:user', 'management', (r) => {
    const own = visible(r).filter((c) => c.caller?.user === r.params['user'])
    return listed(own, connections(statistics(r)), r.query)
  })
  // Sessions are AMQP 1.0's.
  add('GET', 'connections/:name/sessions', 'management', (r) => {
    one(r)
    return []
  })
  add('DELETE', 'connections/username/:user', 'administrator', (r) => {
    for (const c of visible(r)) if (c.caller?.user === r.params['user']) close(c, r)
    return r.stored(false)
  })
  for (const path of ['channels', 'vhosts/:vhost/channels'])
    add('GET', path, 'management', (r) => listed(channelsOf(visible(r)), channels(statistics(r)), r.query))
  add('GET', 'channels/:name', 'management', (r) => {
    const ch = channelsOf(visible(r)).find((x) => channelName(x) === r.params['name'])
    if (ch === undefined) throw notFound()
    return {
      ...channelJson(statistics(r), ch),
      consumer_details: [...ch.consumers.values()].map((c) => consumerJson(node, c)),
    }
  })
  for (const path of ['consumers', 'consumers/:vhost'])
    add('GET', path, 'management', (r) =>
      listed(
        channelsOf([...r.server.connections])
          .filter((ch) => r.vhostsOfPath().includes(ch.caller.vhost))
          .flatMap((ch) => [...ch.consumers.values()]),
        consumers,
        r.query,
      ),
    )
}

/** As an operator does it, with the reason that clients are told. */
function close(c: Connection, r: Request): void {
  const reason = r.raw.headers['x-reason']
  const text = typeof reason === 'string' ? reason : 'Closed via management plugin'
  c.close(ReplyCode.ConnectionForced, `CONNECTION_FORCED - ${text}`)
}
