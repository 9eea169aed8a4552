import { expect, it } from 'vitest'
import { named, workloads } from './workloads.ts'

const names = (text: string): string[] => named(text, workloads(3, true)).map((w) => w.name)

it('a workload that takes the messages of another one is chosen together with it', () => {
  expect(names('drain')).toEqual(['fill: durable, confirmed', 'drain: acked'])
  expect(names('fill')).toEqual(['fill: durable, confirmed'])
  expect(names('16 B, auto-ack')).toEqual(['16 B, auto-ack'])
})

it('whatever receives without a producer says whose messages it takes', () => {
  for (const w of workloads(3, true))
    if (w.flow?.producers === 0 && w.unit === 'received') expect(w.takesThoseOf, w.name).toBeDefined()
})
