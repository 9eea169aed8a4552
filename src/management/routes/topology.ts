import type { Binding, Exchange } from '../../broker/exchange/exchange.ts'
import type { Vhost } from '../../broker/vhost.ts'
import { argumentsOf } from '../../definitions/requests.ts'
import { destinationType as destinationTypeOf } from '../../definitions/shapes.ts'
import { bind, unbind } from '../../operations/bindings.ts'
import { declareExchange, deleteExchange } from '../../operations/exchanges.ts'
import { publishMessage } from '../../operations/publish.ts'
import type { Json } from '../../util/json.ts'
import { bindingJson, exchangeJson, implicitBindingJson, propertiesKey, quoted } from '../describe.ts'
import { type AddRoute, flag, notFound, type Request, withCode } from '../http.ts'
import type { Listed } from '../listing.ts'
import type { ManagedNode } from '../managed-node.ts'
import { payloadOf, propertiesFrom } from '../message.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

export function topologyRoutes(add: AddRoute, _node: ManagedNode, rates: Rates): void {
  exchangeRoutes(add, rates)
  bindingRoutes(add)
}

/** The default exchange has a name in addresses. */
function exchangeName(name: string | undefined): string {
  return name === undefined || name === 'amq.default' ? '' : name
}

function existing(r: Request): Exchange {
  const x = r.vhost().exchanges.get(exchangeName(r.params['name']))
  if (x === undefined) throw notFound()
  return x
}

function exchangeRoutes(add: AddRoute, rates: Rates): void {
  type Item = { vhost: Vhost; x: Exchange }
  const kind = (r: Request): Listed<Item> => {
    const s = new Statistics(rates, r.query)
    return {
      name: (i) => i.x.name,
      vhost: (i) => i.vhost.name,
      describe: (i) => exchangeJson(s, i.vhost, i.x),
    }
  }
  const items = (r: Request): Item[] =>
    r.vhostsOfPath().flatMap((vhost) => [...vhost.exchanges.values()].map((x) => ({ vhost, x })))
  for (const path of ['exchanges', 'exchanges/:vhost'])
    add('GET', path, 'management', (r) => r.list(items(r), kind(r)))
  const one = 'exchanges/:vhost/:name'
  add('GET', one, 'management', (r) => ({
    ...exchangeJson(new Statistics(rates, r.query), r.vhost(), existing(r)),
    // By channel and queue nothing is counted.
    incoming: [],
    outgoing: [],
  }))
  add('PUT', one, 'management', (r) => {
    const vhost = r.vhost()
    const name = r.params['name'] as string
    const isNew = !vhost.exchanges.has(name)
    declareExchange(r.broker, r.caller(vhost), {
      name,
      type: r.text('type'),
      durable: flag(r.body, 'durable', true),
      autoDelete: flag(r.body, 'auto_delete'),
      internal: flag(r.body, 'internal'),
      arguments: argumentsOf(r.body),
    })
    return r.stored(isNew)
  })
  add('DELETE', one, 'management', (r) => {
    const x = existing(r)
    deleteExchange(r.caller(r.vhost()), x.name, r.query['if-unused'] === 'true')
    return r.stored(false)
  })
  exchangeContentRoutes(add, one)
}

function exchangeContentRoutes(add: AddRoute, one: string): void {
  // What is not there has no bindings, as in RabbitMQ.
  add('GET', `${one}/bindings/source`, 'management', (r) => {
    const vhost = r.vhost()
    const x = vhost.exchanges.get(exchangeName(r.params['name']))
    if (x?.name === '') return Array.from(vhost.queues.values(), (q) => implicitBindingJson(vhost, q))
    return x === undefined ? [] : vhost.bindings.from(x).map((b) => bindingJson(vhost, b))
  })
  add('GET', `${one}/bindings/destination`, 'management', (r) => {
    const vhost = r.vhost()
    const x = vhost.exchanges.get(exchangeName(r.params['name']))
    return x === undefined ? [] : vhost.bindings.to(x).map((b) => bindingJson(vhost, b))
  })
  add('POST', `${one}/publish`, 'management', async (r) => {
    const properties = propertiesFrom((r.body['properties'] ?? {}) as Json)
    const body = payloadOf(r.text('payload'), r.text('payload_encoding'))
    const exchange = exchangeName(r.params['name'])
    const message = { exchange, routingKey: r.text('routing_key'), properties, body }
    const caller = r.caller(r.vhost())
    const routed = await withCode(() => publishMessage(r.broker, caller, message))
    await r.model.commit.flush()
    return { routed }
  })
}

/** Every queue is bound to the default exchange. */
function implicitOf(r: Request, destinationType: 'queue' | 'exchange'): Json | undefined {
  const vhost = r.vhost()
  if (exchangeName(r.params['source']) !== '' || destinationType !== 'queue') return undefined
  const q = vhost.queues.get(r.params['destination'] as string)
  return q === undefined ? undefined : implicitBindingJson(vhost, q)
}

function bindingRoutes(add: AddRoute): void {
  const all = (vhost: Vhost): Json[] => [
    ...Array.from(vhost.queues.values(), (q) => implicitBindingJson(vhost, q)),
    ...Array.from(vhost.bindings, (b: Binding) => bindingJson(vhost, b)),
  ]
  const kind: Listed<Json> = {
    name: (b) => String(b['source']),
    vhost: (b) => String(b['vhost']),
    describe: (b) => b,
  }
  for (const path of ['bindings', 'bindings/:vhost'])
    add('GET', path, 'management', (r) => r.list(r.vhostsOfPath().flatMap(all), kind))
  for (const [letter, destinationType] of [
    ['q', 'queue'],
    ['e', 'exchange'],
  ] as const) {
    const between = `bindings/:vhost/e/:source/${letter}/:destination`
    const list = (r: Request): Binding[] => {
      const vhost = r.vhost()
      const source = vhost.exchanges.get(exchangeName(r.params['source']))
      if (source === undefined) return []
      return vhost.bindings
        .from(source)
        .filter(
          (b) => b.destination.name === r.params['destination'] && destinationTypeOf(b) === destinationType,
        )
    }
    const one = (r: Request): Binding => {
      const wanted = r.params['props'] as string
      const keys = [wanted, quoted(wanted).replaceAll('~', '%7E')]
      const found = list(r).find((b) => keys.includes(propertiesKey(b.routingKey, b.arguments)))
      if (found === undefined) throw notFound()
      return found
    }
    add('GET', between, 'management', (r) => {
      const vhost = r.vhost()
      const implicit = implicitOf(r, destinationType)
      return [...(implicit === undefined ? [] : [implicit]), ...list(r).map((b) => bindingJson(vhost, b))]
    })
    add('POST', between, 'management', async (r) => {
      const [source, destination] = [exchangeName(r.params['source']), r.params['destination'] as string]
      const key = r.body['routing_key'] === undefined ? '' : r.text('routing_key')
      const args = argumentsOf(r.body)
      const request = { source, destination, destinationType, routingKey: key, arguments: args }
      bind(r.caller(r.vhost()), request)
      // The key of the properties is quoted once more than what clients send: they unescape it once.
      r.reply.header('location', `${quoted(destination)}/${quoted(propertiesKey(key, args))}`)
      return r.stored(true)
    })
    add('GET', `${between}/:props`, 'management', (r) => {
      const implicit = implicitOf(r, destinationType)
      const { props } = r.params
      const isIt =
        implicit !== undefined && [props, quoted(props ?? '')].includes(implicit['properties_key'] as string)
      return isIt ? implicit : bindingJson(r.vhost(), one(r))
    })
    add('DELETE', `${between}/:props`, 'management', (r) => {
      const b = one(r)
      const { routingKey } = b
      const names = { source: b.source.name, destination: b.destination.name, destinationType }
      unbind(r.caller(r.vhost()), { ...names, routingKey, arguments: b.arguments })
      return r.stored(false)
    })
  }
}
