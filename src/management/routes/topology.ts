import type { Binding, Exchange } from '../../broker/exchange/exchange.ts'
import type { Queue } from '../../broker/queue/queue.ts'
import type { Vhost } from '../../broker/vhost.ts'
import { argumentsOf } from '../../definitions/requests.ts'
import { type BindingRequest, bind, unbind } from '../../operations/bindings.ts'
import { declareExchange, deleteExchange } from '../../operations/exchanges.ts'
import { publishMessage } from '../../operations/publish.ts'
import { FieldTable } from '../../protocol/field-table.ts'
import type { Json } from '../../util/json.ts'
import { Pace } from '../../util/pace.ts'
import { allRows, bindingKind, bindingRows, implicitRows } from '../binding-rows.ts'
import { bindingJson, exchangeJson, implicitBindingJson, propertiesKey, quoted } from '../describe.ts'
import { type AddRoute, flag, HttpError, notFound, type Request, withCode } from '../http.ts'
import { Left, type Listed } from '../listing.ts'
import type { ManagedNode } from '../managed-node.ts'
import { payloadOf, propertiesFrom } from '../message.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

export function topologyRoutes(add: AddRoute, _node: ManagedNode, rates: Rates): void {
  exchangeRoutes(add, rates)
  bindingRoutes(add)
}

/** The default exchange has a name in URLs. */
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
      describe: (i) => exchangeJson(r.withoutStatistics ? undefined : s, i.vhost, i.x),
    }
  }
  const items = (r: Request): Item[] =>
    r.vhostsOfPath().flatMap((vhost) => [...vhost.exchanges.values()].map((x) => ({ vhost, x })))
  for (const path of ['exchanges', 'exchanges/:vhost'])
    add('GET', path, 'management', (r) => r.list(items(r), kind(r)))
  const one = 'exchanges/:vhost/:name'
  add('GET', one, 'management', (r) => {
    if (r.withoutStatistics) return exchangeJson(undefined, r.vhost(), existing(r))
    const shown = exchangeJson(new Statistics(rates, r.query), r.vhost(), existing(r))
    // Nothing is counted per channel or per queue.
    return { ...shown, incoming: [], outgoing: [] }
  })
  add('PUT', one, 'management', (r) => {
    const vhost = r.vhost()
    const name = r.params['name'] as string
    const isNew = !vhost.exchanges.has(name)
    declareExchange(r.broker, r.caller(vhost), {
      name,
      type: r.body['type'] === undefined ? 'direct' : r.text('type'),
      durable: flag(r.body, 'durable'),
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
  // An exchange that does not exist has no bindings, as in RabbitMQ.
  add('GET', `${one}/bindings/source`, 'management', (r) => {
    const vhost = r.vhost()
    const x = vhost.exchanges.get(exchangeName(r.params['name']))
    if (x?.name === '') return r.listAll(implicitRows(vhost), bindingKind)
    return r.listAll(x === undefined ? [] : bindingRows(vhost, vhost.bindings.from(x)), bindingKind)
  })
  add('GET', `${one}/bindings/destination`, 'management', (r) => {
    const vhost = r.vhost()
    const x = vhost.exchanges.get(exchangeName(r.params['name']))
    return r.listAll(x === undefined ? [] : bindingRows(vhost, vhost.bindings.to(x)), bindingKind)
  })
  add('POST', `${one}/publish`, 'management', async (r) => {
    const properties = propertiesFrom((r.body['properties'] ?? {}) as Json)
    const body = payloadOf(r.text('payload'), r.text('payload_encoding'))
    const exchange = exchangeName(r.params['name'])
    const message = { exchange, routingKey: r.text('routing_key'), properties, body }
    r.vhost()
    refuseInAlarm(r)
    await r.untilWritten()
    refuseInAlarm(r)
    const caller = r.caller(r.vhost())
    const routed = await withCode(() => publishMessage(r.broker, caller, message))
    await r.model.commit.flush()
    return { routed }
  })
}

/**
 * Over AMQP, publishers are paused and not read. Here, each message would be kept while its client waits.
 * @throws HttpError 503
 */
function refuseInAlarm({ node: { alarms } }: Request): void {
  if (alarms.active) throw new HttpError(503, 'blocked', `publishers are blocked: ${alarms.reason}`)
}

/** The queue's implicit binding to the default exchange. */
function implicitOf(r: Request, destinationType: 'queue' | 'exchange'): Queue | undefined {
  if (exchangeName(r.params['source']) !== '' || destinationType !== 'queue') return undefined
  return r.vhost().queues.get(r.params['destination'] as string)
}

/** The queue whose implicit binding the properties key names. */
function implicitAt(r: Request, destinationType: 'queue' | 'exchange'): Queue | undefined {
  const queue = implicitOf(r, destinationType)
  if (queue === undefined) return undefined
  const props = r.params['props'] as string
  const key = implicitBindingJson(r.vhost(), queue)['properties_key'] as string
  return [props, quoted(props)].includes(key) ? queue : undefined
}

function implicitBinding(queue: string): BindingRequest {
  return {
    source: '',
    destination: queue,
    destinationType: 'queue',
    routingKey: queue,
    arguments: FieldTable.empty,
  }
}

function requestOf(b: Binding, destinationType: 'queue' | 'exchange'): BindingRequest {
  const { routingKey, arguments: args } = b
  return {
    source: b.source.name,
    destination: b.destination.name,
    destinationType,
    routingKey,
    arguments: args,
  }
}

/** @throws HttpError 404; Left */
async function bindingOf(list: readonly Binding[], key: string, gone: () => boolean): Promise<Binding> {
  const keys = [key, quoted(key).replaceAll('~', '%7E')]
  const pace = new Pace()
  for (const b of list) {
    if (keys.includes(propertiesKey(b.routingKey, b.arguments))) return b
    if (!pace.isLong) continue
    await pace.rest()
    if (gone()) throw new Left()
  }
  throw notFound()
}

function bindingRoutes(add: AddRoute): void {
  for (const path of ['bindings', 'bindings/:vhost'])
    add('GET', path, 'management', (r) => r.list(allRows(r.vhostsOfPath()), bindingKind))
  bindingsBetween(add)
}

/** Bindings between one exchange and one destination. */
function bindingsBetween(add: AddRoute): void {
  for (const [letter, destinationType] of [
    ['q', 'queue'],
    ['e', 'exchange'],
  ] as const) {
    const between = `bindings/:vhost/e/:source/${letter}/:destination`
    const list = (r: Request): Binding[] => {
      const vhost = r.vhost()
      const source = vhost.exchanges.get(exchangeName(r.params['source']))
      if (source === undefined) return []
      const ends = destinationType === 'queue' ? vhost.queues : vhost.exchanges
      const destination = ends.get(exchangeName(r.params['destination']))
      return destination === undefined
        ? []
        : vhost.bindings.to(destination).filter((b) => b.source === source)
    }
    const one = (r: Request): Promise<Binding> =>
      r.long(() => bindingOf(list(r), r.params['props'] as string, r.gone))
    add('GET', between, 'management', (r) => {
      const vhost = r.vhost()
      const implicit = implicitOf(r, destinationType)
      return r.listAll(
        [...(implicit === undefined ? [] : [{ vhost, bound: implicit }]), ...bindingRows(vhost, list(r))],
        bindingKind,
      )
    })
    add('POST', between, 'management', async (r) => {
      const source = exchangeName(r.params['source'])
      const destination = exchangeName(r.params['destination'])
      const key = r.body['routing_key'] === undefined ? '' : r.text('routing_key')
      const args = argumentsOf(r.body)
      const request = { source, destination, destinationType, routingKey: key, arguments: args }
      bind(r.caller(r.vhost()), request)
      // The properties key is quoted once more than clients send it: they unescape it once.
      r.reply.header('location', `${quoted(destination)}/${quoted(propertiesKey(key, args))}`)
      return r.stored(true)
    })
    add('GET', `${between}/:props`, 'management', async (r) => {
      const implicit = implicitAt(r, destinationType)
      return implicit === undefined
        ? bindingJson(r.vhost(), await one(r))
        : implicitBindingJson(r.vhost(), implicit)
    })
    add('DELETE', `${between}/:props`, 'management', async (r) => {
      const queue = implicitAt(r, destinationType)
      const b = queue === undefined ? requestOf(await one(r), destinationType) : implicitBinding(queue.name)
      unbind(r.caller(r.vhost()), b)
      return r.stored(false)
    })
  }
}
