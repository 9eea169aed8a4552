import type { Binding, Exchange } from '../../broker/exchange/exchange.ts'
import type { Vhost } from '../../broker/vhost.ts'
import { argumentsOf } from '../../definitions/requests.ts'
import { destinationType as destinationTypeOf } from '../../definitions/shapes.ts'
import { bind, unbind } from '../../operations/bindings.ts'
import { declareExchange, deleteExchange } from '../../operations/exchanges.ts'
import { publishMessage } from '../../operations/publish.ts'
import { bindingJson, exchangeJson, implicitBindingJson, propertiesKey } from '../describe.ts'
import { type AddRoute, flag, notFound, type Request, withCode } from '../http.ts'
import { type Json, type Listed, listed } from '../listing.ts'
import type { ManagedNode } from '../managed-node.ts'
import { payloadOf, propertiesFrom } from '../message.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

export function topologyRoutes(add: AddRoute, _node: ManagedNode, rates: Rates): void {
  exchangeRoutes(add, rates)
  bindingRoutes(add)
}

function existing(r: Request): Exchange {
  const name = r.params['name'] as string
  const x = r.vhost().exchanges.get(name === 'amq.default' ? '' : name)
  if (x === undefined) throw notFound()
  return x
}

function exchangeRoutes(add: AddRoute, rates: Rates): void {
  type Item = { vhost: Vhost; x: Exchange }
  const kind = (r: Request): Listed<Item> => {
    const s = new Statistics(rates, r.query)
    return { name: (i) => i.x.name, describe: (i) => exchangeJson(s, i.vhost, i.x) }
  }
  const items = (r: Request): Item[] =>
    r.vhostsOfPath().flatMap((vhost) => [...vhost.exchanges.values()].map((x) => ({ vhost, x })))
  for (const path of ['exchanges', 'exchanges/:vhost'])
    add('GET', path, 'management', (r) => listed(items(r), kind(r), r.query))
  const one = 'exchanges/:vhost/:name'
  add('GET', one, 'management', (r) => exchangeJson(new Statistics(rates, r.query), r.vhost(), existing(r)))
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
  add('GET', `${one}/bindings/source`, 'management', (r) => {
    const [vhost, x] = [r.vhost(), existing(r)]
    return vhost.bindings.from(x).map((b) => bindingJson(vhost, b))
  })
  add('GET', `${one}/bindings/destination`, 'management', (r) => {
    const [vhost, x] = [r.vhost(), existing(r)]
    return vhost.bindings.to(x).map((b) => bindingJson(vhost, b))
  })
  add('POST', `${one}/publish`, 'management', async (r) => {
    const properties = propertiesFrom((r.body['properties'] ?? {}) as Json)
    const body = payloadOf(r.text('payload'), r.text('payload_encoding'))
    const message = { exchange: existing(r).name, routingKey: r.text('routing_key'), properties, body }
    const routed = await withCode(() => publishMessage(r.broker, r.caller(r.vhost()), message))
    await r.model.commit.settled()
    return { routed }
  })
}

function bindingRoutes(add: AddRoute): void {
  const all = (vhost: Vhost): Json[] => [
    ...Array.from(vhost.queues.values(), (q) => implicitBindingJson(vhost, q)),
    ...Array.from(vhost.bindings, (b: Binding) => bindingJson(vhost, b)),
  ]
  const kind: Listed<Json> = { name: (b) => String(b['source']), describe: (b) => b }
  for (const path of ['bindings', 'bindings/:vhost'])
    add('GET', path, 'management', (r) => listed(r.vhostsOfPath().flatMap(all), kind, r.query))
  for (const [letter, destinationType] of [
    ['q', 'queue'],
    ['e', 'exchange'],
  ] as const) {
    const between = `bindings/:vhost/e/:source/${letter}/:destination`
    const list = (r: Request): Binding[] => {
      const vhost = r.vhost()
      const source = vhost.exchanges.get(r.params['source'] as string)
      if (source === undefined) throw notFound()
      return vhost.bindings
        .from(source)
        .filter(
          (b) => b.destination.name === r.params['destination'] && destinationTypeOf(b) === destinationType,
        )
    }
    const one = (r: Request): Binding => {
      const wanted = r.params['props'] as string
      const keys = [wanted, encodeURIComponent(wanted)]
      const found = list(r).find((b) => keys.includes(propertiesKey(b.routingKey, b.arguments)))
      if (found === undefined) throw notFound()
      return found
    }
    add('GET', between, 'management', (r) => {
      const vhost = r.vhost()
      if (r.params['source'] === 'amq.default') {
        const q = vhost.queues.get(r.params['destination'] as string)
        return q === undefined ? [] : [implicitBindingJson(vhost, q)]
      }
      return list(r).map((b) => bindingJson(vhost, b))
    })
    add('POST', between, 'management', async (r) => {
      const [source, destination] = [r.params['source'] as string, r.params['destination'] as string]
      const key = r.body['routing_key'] === undefined ? '' : r.text('routing_key')
      const args = argumentsOf(r.body)
      const request = { source, destination, destinationType, routingKey: key, arguments: args }
      bind(r.caller(r.vhost()), request)
      const parts = [r.params['vhost'] as string, 'e', source, letter, destination].map(encodeURIComponent)
      r.reply.header('location', `${parts.slice(1).join('/')}/${propertiesKey(key, args)}`)
      return r.stored(true)
    })
    add('GET', `${between}/:props`, 'management', (r) => bindingJson(r.vhost(), one(r)))
    add('DELETE', `${between}/:props`, 'management', (r) => {
      const b = one(r)
      const { routingKey } = b
      const names = { source: b.source.name, destination: b.destination.name, destinationType }
      unbind(r.caller(r.vhost()), { ...names, routingKey, arguments: b.arguments })
      return r.stored(false)
    })
  }
}
