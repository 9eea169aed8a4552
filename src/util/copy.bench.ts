import { bench, describe } from 'vitest'
import { copyOctets, Octets } from './copy.ts'

const from = new Octets(new Uint8Array(65_536).fill(7))
const to = new Octets(new Uint8Array(65_536))

describe.each([16, 31, 50, 100, 300, 1000])('copy %i octets', (size) => {
  bench('copyOctets', () => {
    for (let i = 0; i < 1000; i++) copyOctets(from, i, i + size, to, i * 3)
  })
  bench('subarray and set', () => {
    for (let i = 0; i < 1000; i++) to.bytes.set(from.bytes.subarray(i, i + size), i * 3)
  })
})
