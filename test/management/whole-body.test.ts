import { Readable } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { wholeBody } from '../../src/management/whole-body.ts'

const MB = 1024 * 1024

function* chunks(total: number, size = 65_536): Generator<Buffer> {
  for (let at = 0; at < total; at += size) yield Buffer.alloc(Math.min(size, total - at), at / size)
}

it.each([
  [0, 0],
  [1, 1],
  [70_000, 70_000],
  [3 * MB + 5, 3 * MB + 5],
  [3 * MB + 5, Number.NaN],
])('a body of %d octets, announced as %d, is whole', async (total, told) => {
  const body = await wholeBody(Readable.from(chunks(total)), told, 4 * MB)
  expect(body.equals(Buffer.concat([...chunks(total)]))).toBe(true)
})

it('no piece of work copies more than an eighth of a long body', async () => {
  const total = 32 * MB
  const copied: number[] = []
  const set = vi.spyOn(Buffer.prototype, 'set').mockImplementation(function (this: Buffer, from, at) {
    copied.push((from as Buffer).length)
    Uint8Array.prototype.set.call(this, from as Buffer, at as number)
  })
  const body = await wholeBody(Readable.from(chunks(total)), total, total)
  set.mockRestore()
  expect(body.length).toBe(total)
  expect(copied.length).toBeGreaterThan(total / 65_536)
  expect(Math.max(...copied)).toBeLessThanOrEqual(total / 8)
})

it('what is announced and does not come takes no memory', async () => {
  const slow = vi.spyOn(Buffer, 'allocUnsafeSlow')
  const body = new Readable({ read: () => {} })
  const whole = wholeBody(body, 100 * MB, 100 * MB)
  body.push(Buffer.alloc(1000))
  await vi.waitFor(() => expect(slow).toHaveBeenCalled())
  expect(slow.mock.calls.every(([size]) => size <= MB)).toBe(true)
  slow.mockRestore()
  body.destroy(new Error('it is gone'))
  await expect(whole).rejects.toMatchObject({ message: 'it is gone', statusCode: 400 })
})

it.each([
  [10, 10, 9, 413],
  [10, Number.NaN, 9, 413],
  [10, 11, 20, 400],
  [10, 9, 20, 400],
])(
  'a body of %d octets, announced as %d, of %d at most, is refused with %d',
  async (total, told, max, status) => {
    await expect(wholeBody(Readable.from(chunks(total, 4)), told, max)).rejects.toMatchObject({
      statusCode: status,
    })
  },
)
