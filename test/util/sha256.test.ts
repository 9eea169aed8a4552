import crypto from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { sha256 } from '../../src/util/sha256.ts'

const { hash } = crypto
afterEach(() => {
  Object.assign(crypto, { hash })
})

const inputs = ['', 'a text', 'not well formed: \ud800', 'ü', Buffer.from([0, 255])]

it.each(inputs)('the digest of %j is the same on releases of Node without crypto.hash', (data) => {
  const digests = () => (['hex', 'base64', 'base64url'] as const).map((encoding) => sha256(data, encoding))
  const withIt = digests()
  Object.assign(crypto, { hash: undefined })
  expect(digests()).toEqual(withIt)
  expect(withIt[0]).toBe(crypto.createHash('sha256').update(data).digest('hex'))
})
