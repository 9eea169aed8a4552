/** A pair of streams within the process. */
import { expect, it } from 'vitest'
import { duplexPair } from '../../src/shovel/duplex-pair.ts'
import { until } from '../support/until.ts'

it('what has been written may be changed, even where it has not been read', async () => {
  const [a, b] = duplexPair()
  const memory = Buffer.from('first')
  let done = false
  a.write(memory, () => {
    done = true
  })
  await until(() => done, 'the write')
  memory.write('other')
  expect(String(b.read())).toBe('first')
})
