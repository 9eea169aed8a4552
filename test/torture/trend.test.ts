import { describe, expect, it } from 'vitest'
import { chart } from './chart.ts'
import { median, type Series, trendOf } from './trend.ts'

const series = (values: readonly number[]): Series => ({ name: 'x', unit: 'MB', values, share: 0.1, more: 5 })
const hundred = (value: (i: number) => number): number[] => Array.from({ length: 100 }, (_, i) => value(i))

describe('a figure over time', () => {
  it('is flat where it only warms up, jumps about, or falls', () => {
    expect(trendOf(series(hundred((i) => (i < 20 ? i : 20)))).isFlat).toBe(true)
    expect(trendOf(series(hundred((i) => 100 + (i % 7) * 30))).isFlat).toBe(true)
    expect(trendOf(series(hundred((i) => 200 - i)))).toMatchObject({
      isFlat: true,
      early: 170.5,
      late: 110.5,
    })
  })

  it('is not flat where it grows by more than its tolerance, however slowly', () => {
    const slow = trendOf(series(hundred((i) => 100 + i * 0.3)))
    expect(slow.early).toBeCloseTo(108.85)
    expect(slow.late).toBeCloseTo(126.85)
    expect(slow.bound).toBeCloseTo(124.735)
    expect(slow.isFlat).toBe(false)
  })

  it('is not spoilt by a single peak in a window', () => {
    expect(trendOf(series(hundred((i) => (i === 95 ? 10_000 : 50)))).isFlat).toBe(true)
  })

  it('has a median of an even and of an odd number of values', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
  })
})

describe('the chart', () => {
  it('has a line for each figure, and its early and late median', () => {
    const svg = chart(
      'Endurance <2 h>',
      [0, 60, 120],
      [series([1e6, 2e6, 3e6]), { ...series([1, 2, 3]), unit: '' }],
    )
    expect(svg.match(/<polyline points="0.0,[\d.]+ 180.0,[\d.]+ 360.0,[\d.]+"/g)).toHaveLength(2)
    expect(svg).toContain('Endurance &lt;2 h>')
    expect(svg).toContain('x: 1.0 MB, at the end 3.0 MB')
    expect(svg).toContain('<title>Endurance &lt;2 h></title>')
    expect(svg).toContain('2.0 min')
  })
})
