/** Values that are read without memory of their own for each. */
import { open } from 'lmdb'
import { expect, it } from 'vitest'
import { viewing } from '../../src/storage/lmdb/viewed.ts'
import { testFolder } from '../support/folder.ts'

it('the values of a database are views of one memory, as long as each of them', async () => {
  const root = open({ path: testFolder('viewed'), noSubdir: false, maxDbs: 2 })
  const values = root.openDB<Buffer, string>(viewing('values'))
  for (let i = 0; i < 100; i++) await values.put(`k${i}`, Buffer.alloc(i, i))
  const memories = new Set<ArrayBufferLike>()
  const lengths: number[] = []
  for (const { key, value } of values.getRange({})) {
    memories.add(value.buffer)
    lengths.push(value.length)
    expect(value.equals(Buffer.alloc(value.length, Number(key.slice(1))))).toBe(true)
  }
  expect(memories.size).toBe(1)
  expect(lengths.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect(values.get('k7')?.toString('hex')).toBe('07'.repeat(7))
  await root.close()
})
