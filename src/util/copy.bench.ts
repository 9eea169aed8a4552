import { bench, describe } from 'vitest'
import { copyBytes } from './copy.ts'

const from = new Uint8Array(65_536).fill(7)
const to = new Uint8Array(65_536)

describe.each([16, 31, 32, 100, 1000])('copy %i octets', (size) => {
  bench('copyBytes', () => {
    for (let i = 0; i < 1000; i++) copyBytes(from, i, i + size, to, i * 3)
  })
  bench('subarray and set', () => {
    for (let i = 0; i < 1000; i++) to.set(from.subarray(i, i + size), i * 3)
  })
})
