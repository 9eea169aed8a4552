import { bench, describe } from 'vitest'
import { GroupCommit } from '../../storage/batch.ts'
import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import { systemClock } from '../../util/clock.ts'
import { encodeContent } from '../content.ts'
import { InboundMessage } from '../message.ts'
import { Chain } from './chain.ts'
import { Pager } from './pager.ts'

const m = new InboundMessage()
encodeContent('', 'a.queue', { deliveryMode: 1 }, Buffer.alloc(100), m)
m.adoptable = false

function newChain(): Chain {
  const pager = new Pager(1e9, new GroupCommit(new MemoryStorage(), systemClock), systemClock)
  return new Chain(undefined, pager, () => {
    throw new Error('nothing is paged out here')
  })
}

describe('a thousand messages of 100 octets', () => {
  const short = newChain()
  bench('in and out of an empty queue', () => {
    for (let i = 0; i < 1000; i++) short.append(m, 0)
    while (short.head()) short.removeHead()
  })
  const acked = newChain()
  bench('in, out and acknowledged', () => {
    const first = 0
    const numbers: number[] = []
    for (let i = 0; i < 1000; i++) acked.append(m, 0)
    while (acked.head()) {
      numbers.push(acked.headSegment.base + acked.headIndex)
      acked.takeHead()
    }
    for (let i = first; i < numbers.length; i++) acked.settle(numbers[i] as number)
  })
  const long = newChain()
  for (let i = 0; i < 300_000; i++) long.append(m, 0)
  bench('in and out of a queue of 300,000', () => {
    for (let i = 0; i < 1000; i++) {
      long.append(m, 0)
      if (long.head()) long.removeHead()
    }
  })
})
