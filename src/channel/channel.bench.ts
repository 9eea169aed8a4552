import { bench, describe } from 'vitest'
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { WorkQueue } from '../broker/queue/work-queue.ts'
import { Confirms } from './confirms.ts'
import { PropertyScan } from './property-scan.ts'
import { RouteCache } from './route-cache.ts'
import { Unsettled } from './unsettled.ts'

const queue = {} as WorkQueue

describe('a thousand of each', () => {
  const u = new Unsettled()
  bench('deliveries noted and settled in order', () => {
    const first = u.nextTag
    for (let i = 0; i < 1000; i++) u.add(queue, i, undefined)
    for (let i = 0; i < 1000; i++) u.remove(first + i)
  })
  const c = new Confirms()
  let batch = 1
  bench('publishes confirmed after one batch', () => {
    for (let i = 0; i < 1000; i++) c.add(batch)
    c.take(batch++)
  })
  const exchange = {} as Exchange
  const cache = new RouteCache()
  const names = Array.from({ length: 50 }, (_, i) => new Uint8Array(Buffer.from(`\x00\x07queue-${i % 10}`)))
  for (const n of names)
    cache.add({ names: n, route: { queues: [], effects: [], byKeyOnly: true }, exchange }, 1)
  bench('routes found among fifty keys', () => {
    for (let i = 0; i < 1000; i++) cache.find(names[i % 50] as Uint8Array, 0, 9, 1)
  })
  const scan = new PropertyScan()
  const plain = new Uint8Array([0x10, 0, 2])
  const rich = new Uint8Array(Buffer.from('b0000a746578742f706c61696e00000007016e490000000702', 'hex'))
  bench('property lists with a delivery mode only', () => {
    for (let i = 0; i < 1000; i++) scan.read(plain, 0, 3)
  })
  bench('property lists with content type and headers', () => {
    for (let i = 0; i < 1000; i++) scan.read(rich, 0, rich.length)
  })
})
