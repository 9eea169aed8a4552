import type { Channel } from '../../channel/channel.ts'
import type { ChannelConsumer } from '../../channel/consumer.ts'
import type { Connection } from '../../connection/connection.ts'
import type { Json } from '../../util/json.ts'
import { bareConnectionJson, channelJson, channelName, connectionJson, consumerJson } from '../describe.ts'
import { type AddRoute, badRequest, notFound, type Request } from '../http.ts'
import { type Listed, withList } from '../listing.ts'
import type { ManagedNode } from '../managed-node.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

export function clientRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  const statistics = (r: Request): Statistics => new Statistics(rates, r.query)
  const numbersOf = (r: Request): Statistics => {
    if (r.withoutStatistics) throw badRequest('Stats in management UI are disabled on this node')
    return statistics(r)
  }
  connectionRoutes(add, statistics)
  channelRoutes(add, node, numbersOf)
  const consumers: Listed<ChannelConsumer> = { name: (c) => c.tag, describe: (c) => consumerJson(node, c) }
  for (const path of ['consumers', 'consumers/:vhost'])
    add('GET', path, 'management', (r) => {
      numbersOf(r)
      const vhosts = new Set(r.vhostsOfPath())
      const list = channelsOf([...r.server.connections]).filter((ch) => vhosts.has(ch.caller.vhost))
      return r.list(
        list.flatMap((ch) => [...ch.consumers.values()]),
        consumers,
      )
    })
}

/** Open connections of the vhost in the path that the user may see. */
function visible(r: Request): Connection[] {
  const vhost = r.params['vhost'] === undefined ? undefined : r.vhost()
  return [...r.server.connections].filter(({ state, caller }) => {
    if (state !== 'open' || caller === undefined) return false
    if (vhost !== undefined && caller.vhost !== vhost) return false
    return r.is('monitoring') || caller.user === r.user.name
  })
}

function channelsOf(list: readonly Connection[]): Channel[] {
  return list.flatMap((c) => [...c.channels])
}

function channelList(s: Statistics): Listed<Channel> {
  return { name: channelName, describe: (ch) => channelJson(s, ch) }
}

type StatisticsOf = (r: Request) => Statistics

function connectionRoutes(add: AddRoute, statistics: StatisticsOf): void {
  const describe = (r: Request, c: Connection): Json =>
    r.withoutStatistics
      ? bareConnectionJson(statistics(r).node.nodeName, c)
      : connectionJson(statistics(r), c)
  const connections = (r: Request): Listed<Connection> => ({
    name: (c) => c.name,
    describe: (c) => describe(r, c),
    keys: { channels: (c) => c.channels.size, user: (c) => c.caller?.user },
  })
  const one = (r: Request): Connection => {
    const c = visible(r).find((x) => x.name === r.params['name'])
    if (c === undefined) throw notFound()
    return c
  }
  const ofUser = (r: Request): Connection[] => visible(r).filter((c) => c.caller?.user === r.params['user'])

  for (const path of ['connections', 'vhosts/:vhost/connections'])
    add('GET', path, 'management', (r) => r.list(visible(r), connections(r)))
  add('GET', 'connections/:name', 'management', (r) => describe(r, one(r)))
  add('GET', 'connections/:name/channels', 'management', (r) =>
    r.list(one(r).channels, channelList(statistics(r))),
  )
  // Sessions exist only in AMQP 1.0.
  add('GET', 'connections/:name/sessions', 'management', (r) => {
    one(r)
    return []
  })
  add('DELETE', 'connections/:name', 'management', (r) => {
    r.server.force([one(r)], reasonOf(r))
    return r.stored(false)
  })
  add('GET', 'connections/username/:user', 'management', (r) => r.list(ofUser(r), connections(r)))
  add('DELETE', 'connections/username/:user', 'administrator', (r) => {
    r.server.force(ofUser(r), reasonOf(r))
    return r.stored(false)
  })
}

function channelRoutes(add: AddRoute, node: ManagedNode, statistics: StatisticsOf): void {
  for (const path of ['channels', 'vhosts/:vhost/channels'])
    add('GET', path, 'management', (r) => r.list(channelsOf(visible(r)), channelList(statistics(r))))
  add('GET', 'channels/:name', 'management', (r) => {
    const ch = channelsOf(visible(r)).find((x) => channelName(x) === r.params['name'])
    if (ch === undefined) throw notFound()
    const object = { ...channelJson(statistics(r), ch), publishes: [], deliveries: [] }
    const consumers = [...ch.consumers.values()]
    r.reply.type('application/json; charset=utf-8')
    return r.long(() =>
      withList(object, 'consumer_details', consumers, (c) => consumerJson(node, c), r.query),
    )
  })
}

/** Returns the reason that clients get when an operator closes their connections. */
function reasonOf(r: Request): string {
  const reason = r.raw.headers['x-reason']
  return typeof reason === 'string' ? reason : 'Closed via management plugin'
}
