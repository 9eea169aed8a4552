/** A short form of `npm run torture -- fuzz`, with the parts of the fuzzer itself. */
import { describe, expect, it } from 'vitest'
import { Coverage } from './fuzz/coverage.ts'
import { found } from './fuzz/found.ts'
import { type FuzzTarget, fuzz, tryInput } from './fuzz/fuzzer.ts'
import { COVERAGE, instrument } from './fuzz/instrument.ts'
import { targetNames, targets } from './fuzz/targets.ts'

/** Slow in proportion to what they do. */
const fewer: { readonly [target: string]: number } = {
  config: 40,
  'http-few': 60,
  'http-many': 60,
  folder: 60,
}
const INPUTS = 250

describe('inputs that have failed once', () => {
  for (const { target, what, input } of found)
    it(`${target}: ${what}`, async () => {
      const t = await targets[target]()
      expect(await tryInput(t, input)).toBeUndefined()
      await t.close?.()
    })
})

describe('a few inputs of each target', () => {
  for (const name of targetNames)
    it(name, async () => {
      const target = await targets[name]()
      const some = { ...target, seeds: target.seeds.slice(0, 40) }
      const { failures } = await fuzz(some, { seed: 18, inputs: fewer[name] ?? INPUTS })
      expect(failures.map((f) => f.what)).toEqual([])
    })
})

/** Runs instrumented code, with the counters of `coverage`. */
function compiled(coverage: Coverage, code: string): (input: Buffer) => unknown {
  coverage.install()
  const run = new Function('input', instrument(code).code.replace('export default ', 'return '))
  return (run as () => (input: Buffer) => unknown)()
}

const secret = `export default function f(b) {
  if (b[0] !== 0x4c) return 0
  if (b[1] !== 0x65) return 1
  const x = b[2] === 0x76 ? (b[3] === 0x72 ? 2 : 3) : 4
  switch (x) { case 2: throw new Error('found ' + b.length); default: return b.length > 3 && x }
}`

describe('the fuzzer', () => {
  it('finds what lies behind four right octets, because it keeps what gets further', async () => {
    const coverage = new Coverage()
    const run = compiled(coverage, secret)
    const target: FuzzTarget = {
      name: 'secret',
      bytesMax: 40,
      seeds: [Buffer.alloc(8)],
      words: [],
      run: (b) => void run(b),
    }
    const { failures } = await fuzz(target, { seed: 3, inputs: 200_000, coverage })
    expect(failures.map((f) => [f.what.slice(0, 12), f.input.toString(), f.alone])).toEqual([
      ['Error: found', 'Levr', true],
    ])
  })

  it('counts each place in classes, so that the same again is nothing new', () => {
    const coverage = new Coverage()
    const run = compiled(
      coverage,
      'export default (b) => { for (const x of b) if (x) continue; return b.length ? 1 : 2 }',
    )
    const fresh = (...octets: number[]): boolean => {
      coverage.begin()
      run(Buffer.from(octets))
      return coverage.found() > 0
    }
    expect([fresh(), fresh(), fresh(1), fresh(1), fresh(1, 1), fresh(2, 2)]).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
    ])
  })

  it('leaves the meaning of a module as it is', () => {
    const code = `const a = (x) => x ?? 5, b = async () => ({ c: 1 })
for (const i of [1]) if (i) ; else { }
label: while (true) break label
export const d = [a(), a(2)], e = a(0) || 7 && 8`
    const { code: out, places } = instrument(code)
    expect(places).toBeGreaterThan(6)
    expect(out.split('\n')).toHaveLength(code.split('\n').length)
    new Coverage().install()
    const run = new Function(`${out.replace('export const', 'const')}; return [d, e]`)
    expect(run()).toEqual([[5, 2], 8])
    expect(Reflect.has(globalThis, COVERAGE)).toBe(true)
  })

  it('says what was thrown outside of a call, and that a slow input is slow', async () => {
    const stray = [new Error('stray')]
    const idle: FuzzTarget = { name: 'idle', bytesMax: 4, seeds: [], words: [], run: () => {} }
    const { failures } = await fuzz(idle, { seed: 1, inputs: 2, stray: () => stray.pop() })
    expect(failures).toMatchObject([{ alone: false, what: expect.stringContaining('stray') }])
    const busy = (): void => {
      const { user } = process.cpuUsage()
      while (process.cpuUsage().user - user < 150_000);
    }
    const slow = await fuzz({ ...idle, run: busy }, { seed: 1, inputs: 1, timed: true })
    expect(slow.failures).toMatchObject([{ alone: true, what: expect.stringContaining('100 ms') }])
  })
})
