import { expect, it } from 'vitest'
import { StoredObjects } from '../../src/util/stored-objects.ts'

it('an object that cannot be read is set aside with its very octets, also where they are no text', () => {
  const octets = Buffer.from([0x7b, 0xff, 0xc3])
  const storage = {
    scan: (prefix: string) =>
      ['k:a', 'k:ab'].filter((k) => k.startsWith(prefix)).map((key) => ({ key, value: octets })),
    scanTexts: (prefix: string) =>
      'k:a'.startsWith(prefix) ? [{ key: 'k:a', text: octets.toString() }] : [],
  }
  const put: [string, string][] = []
  const changes = {
    put: (key: string, value: Uint8Array) => put.push([key, Buffer.from(value).toString('hex')]),
    delete: () => {},
  }
  const objects = new StoredObjects(storage, changes, () => {})
  objects.restore('k:', () => {})
  expect(put).toEqual([['quarantine:k:a', '7bffc3']])
  expect(objects.quarantined.map((o) => o.key)).toEqual(['quarantine:k:a'])
})
