import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cutToOctets,
  EncodeError,
  fitsShortString,
  octetLength,
  octetText,
  shortString,
  textOctets,
} from '../../src/util/octet-text.ts'
import { same } from '../support/same.ts'
import { anyText } from '../support/texts.ts'

/** Among them much that is nearly UTF-8. */
const octets = fc
  .array(
    fc.oneof(
      fc.nat(255).map((o) => Buffer.from([o])),
      anyText(3).map((s) => Buffer.from(s)),
      fc.constantFrom(
        Buffer.from('efbfbd', 'hex'),
        Buffer.from('eda080', 'hex'),
        Buffer.from('c080', 'hex'),
        Buffer.from('f4908080', 'hex'),
        Buffer.from('efbbbf', 'hex'),
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts))

describe('octets as text', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(octets, (b) => {
        const text = octetText(b)
        same(textOctets(text).equals(b), true)
        same(octetLength(text), b.length)
        same(octetText(Buffer.concat([Buffer.from('<'), b, Buffer.from('>')]), 1, 1 + b.length), text)
      }),
      { numRuns: 2000 },
    )
  })

  it('that are UTF-8 are the text that they spell', () => {
    fc.assert(
      fc.property(anyText(), (s) => {
        same(octetText(Buffer.from(s)), s)
        same(textOctets(s).equals(Buffer.from(s)), true)
      }),
    )
    expect(octetText(Buffer.from('ab\ufffdc'))).toBe('ab\ufffdc')
    expect(octetText(Buffer.from([0x61, 0xff, 0x62]))).toBe('a\udcffb')
  })

  it('differ where the octets differ', () => {
    fc.assert(
      fc.property(octets, octets, (a, b) => {
        same(octetText(a) === octetText(b), a.equals(b))
      }),
    )
  })

  it('fit into a short string up to 255 octets, whatever their characters', () => {
    for (const [fits, text] of [
      [true, 'x'.repeat(255)],
      [false, 'x'.repeat(256)],
      [true, `${'ä'.repeat(127)}x`],
      [false, 'ä'.repeat(128)],
      [true, '€'.repeat(85)],
      [true, octetText(Buffer.alloc(255, 0xff))],
      [false, octetText(Buffer.alloc(256, 0xff))],
    ] as const) {
      expect(fitsShortString(text)).toBe(fits)
      if (fits) expect(shortString(text).equals(textOctets(text))).toBe(true)
      else expect(() => shortString(text)).toThrow(EncodeError)
    }
  })

  it('are cut between characters', () => {
    expect(cutToOctets('aä€', 6)).toBe('aä€')
    expect(cutToOctets('aä€', 5)).toBe('aä')
    expect(cutToOctets('aä€', 2)).toBe('a')
    expect(octetLength(cutToOctets(octetText(Buffer.alloc(300, 0x80)), 255))).toBeGreaterThan(250)
  })
})
