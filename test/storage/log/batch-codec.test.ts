import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchEncoder, BatchError, decodeBatch } from '../../../src/storage/log/batch-codec.ts'
import type { StorageWrite } from '../../../src/storage/storage.ts'
import { crc32c } from '../../../src/util/crc32c.ts'
import { anyText } from '../../support/texts.ts'

const u32 = fc.nat({ max: 0xffff_ffff })
const place = { log: u32, segment: u32 }
const key = anyText(40)
const octets = fc.uint8Array({ maxLength: 300 })
const op = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name)

const write: fc.Arbitrary<StorageWrite> = fc.oneof(
  fc.record({ op: op('put'), key, value: octets }),
  fc.record({ op: op('delete'), key }),
  fc.record({ op: op('record'), ...place, index: u32, bytes: octets }),
  fc.record({ op: op('segment'), ...place, state: octets }),
  fc.record({ op: op('drop-record'), ...place, index: u32 }),
  fc.record({ op: op('drop-segment'), ...place }),
  fc.record({ op: op('clear-segment'), ...place }),
  fc.record({ op: op('drop-log'), log: u32 }),
  fc.record({ op: op('drop-logs'), from: u32 }),
)
const batch = fc.array(write, { maxLength: 12 })

describe('a batch as octets', () => {
  it('reads back equal', () => {
    const encoder = new BatchEncoder(1000)
    fc.assert(
      fc.property(u32, fc.nat({ max: Number.MAX_SAFE_INTEGER }), batch, (epoch, number, writes) => {
        const found = decodeBatch(encoder.encode(epoch, number, writes).slice())
        expect(found.epoch).toBe(epoch)
        expect(found.number).toBe(number)
        expect(found.writes).toEqual(writes)
      }),
    )
  })

  it('are the same where others have their turn in between, however long it is', async () => {
    const writes = Array.from({ length: 20 }, (_, index): StorageWrite => {
      const bytes = new Uint8Array(2 ** 20 + index).fill(index)
      return { op: 'record', log: 1, segment: 2, index, bytes }
    })
    let rests = 0
    const rest = async (): Promise<void> => void rests++
    const encoder = new BatchEncoder()
    const long = await encoder.encodeInPieces(1, 2, writes, rest)
    expect(rests).toBeGreaterThanOrEqual(4)
    expect(long.equals(encoder.encode(1, 2, writes))).toBe(true)
    const short = encoder.encodeInPieces(1, 2, writes.slice(0, 7), rest)
    expect(short).toBeInstanceOf(Buffer)
  })

  it('is noticed when it is cut short or one octet is another', () => {
    const encoder = new BatchEncoder()
    fc.assert(
      fc.property(batch, fc.nat(), fc.integer({ min: 1, max: 255 }), (writes, place, change) => {
        const whole = Buffer.from(encoder.encode(1, 2, writes))
        expect(() => decodeBatch(whole.subarray(0, place % whole.length))).toThrow(BatchError)
        const at = place % whole.length
        whole[at] = (whole[at] as number) ^ change
        expect(() => decodeBatch(whole)).toThrow(BatchError)
      }),
    )
  })

  it('of another version says so', () => {
    const whole = Buffer.from(new BatchEncoder().encode(1, 2, []))
    whole[0] = 9
    whole.writeUInt32LE(crc32c(whole, 0, whole.length - 4), whole.length - 4)
    expect(() => decodeBatch(whole)).toThrow('its version is 9; this release reads 1')
  })
})
