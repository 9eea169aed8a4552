import { describe, expect, it } from 'vitest'
import { duration, Progress } from '../../src/cli/migrate/progress.ts'

describe('the progress of a move', () => {
  it('is a bar with rate and time left on a terminal', () => {
    let text = ''
    const out = { isTTY: true, columns: 200, write: (s: string) => (text += s) }
    const p = new Progress(out, 0)
    p.show(0, 0, 10_000, undefined)
    p.show(2000, 2500, 10_000, undefined)
    expect(text.split('\r\x1b[K').at(-1)).toBe(
      '[#######-----------------------] 25 % 2,500 of 10,000, 1,250/s, 0:06 left',
    )
    p.show(3000, 2500, 10_000, 'old:5672 to come back')
    expect(text).toContain('; waiting for old:5672 to come back')
    p.end()
    expect(text.endsWith('\r\x1b[K')).toBe(true)
  })

  it('is a line in ten seconds elsewhere', () => {
    let text = ''
    const p = new Progress({ write: (s: string) => (text += s) }, 0)
    for (let at = 0; at <= 25_000; at += 500) p.show(at, at, 50_000, undefined)
    p.end()
    expect(text.split('\n')).toEqual([
      '[######------------------------] 20 % 10,000 of 50,000, 1,000/s, 0:40 left',
      '[############------------------] 40 % 20,000 of 50,000, 1,000/s, 0:30 left',
      '',
    ])
  })

  it('says durations as people do', () => {
    expect([0, 400, 61_000, 3_600_000, 90_061_000].map(duration)).toEqual([
      '0:00',
      '0:01',
      '1:01',
      '1:00:00',
      '25:01:01',
    ])
  })
})
