/** Definitions that are long are read bit by bit, and say the same as if they had been read at once. */
import { describe, expect, it } from 'vitest'
import { TextList } from '../../src/definitions/pieces.ts'
import { readDefinitions } from '../../src/definitions/read.ts'
import {
  DEFINITION_BYTES_MAX,
  DEFINITION_NAMES_MAX,
  JSON_DEPTH_MAX,
  JSON_PARSED_PER_TURN,
  LENIENT_BYTES_MAX,
} from '../../src/limits.ts'

const long = ' '.repeat(JSON_PARSED_PER_TURN)

/** With lists in place of what is read when it is come to. */
function whole(read: unknown): unknown {
  if (read === null || typeof read !== 'object' || Array.isArray(read)) return read
  const out: { [name: string]: unknown } = Object.create(null)
  for (const [name, v] of Object.entries(read)) out[name] = v instanceof TextList ? [...v] : v
  return out
}

async function read(text: string): Promise<unknown> {
  return whole(await readDefinitions(Buffer.from(text)))
}

const many = Array.from({ length: 5_000 }, (_, i) => ({ name: `q-${i} "\\]}{[,: ü`, vhost: '/', n: [i, {}] }))

describe('long definitions', () => {
  it('keep a long list as text, in which nothing is lost', async () => {
    const definitions = {
      queues: many,
      users: [{ name: 'a' }],
      rabbit_version: '4',
      none: [],
      off: null,
      o: {},
    }
    const text = JSON.stringify(definitions)
    const found = (await readDefinitions(Buffer.from(text + long))) as { [name: string]: unknown }
    expect(found['queues']).toBeInstanceOf(TextList)
    expect(found['users']).toBeInstanceOf(TextList)
    expect(whole(found)).toEqual(definitions)
    // However it is written, and with a mark of the byte order.
    expect(await read(`\uFEFF${JSON.stringify(definitions, null, 2)}${long}`)).toEqual(definitions)
  })

  it('let others have their turn meanwhile', async () => {
    let turns = 0
    let over = false
    const count = (): void => {
      turns++
      if (!over) setImmediate(count)
    }
    setImmediate(count)
    const text = JSON.stringify({ queues: Array.from({ length: 20 }, () => many).flat() })
    await readDefinitions(Buffer.from(text))
    over = true
    expect(turns).toBeGreaterThan(text.length / JSON_PARSED_PER_TURN - 2)
  })

  it.each([
    '[]',
    '"text"',
    'null',
    '5',
    ' { } ',
    '{"a":1,"a":[2]}',
    '{"__proto__":[1],"b":{"c":"\\ud800"}}',
    '{"a":[1,"two",{"three":[]},null,true,-1.5e3]}',
  ])('mean the same as short ones: %s', async (text) => {
    const short = await readDefinitions(Buffer.from(text))
    const after = await readDefinitions(Buffer.from(text + long))
    expect(JSON.stringify(whole(after))).toBe(JSON.stringify(short))
  })

  it.each([
    '{"a":[1,]x}',
    '{"a":[1 2]}',
    '{"a":[{"b":]}',
    '{"a":"',
    '{"a":[',
    '{"a":{"b":[}',
    '{a:[tru]}',
    '{"a":1}x',
    '{"a":1,,}',
    '{,}',
    '{"a"}',
    '{"a":}',
    '',
  ])('are refused where they are no JSON: %s', async (text) => {
    await expect(readDefinitions(Buffer.from(text + long))).rejects.toThrow(SyntaxError)
  })

  it('keep few but long elements as text too', async () => {
    const text = 'x'.repeat(DEFINITION_BYTES_MAX / 2)
    const found = (await readDefinitions(Buffer.from(JSON.stringify({ queues: [text, text, text] })))) as {
      queues: TextList
    }
    expect(found.queues).toBeInstanceOf(TextList)
    expect([found.queues.length, ...found.queues]).toEqual([3, text, text, text])
  })

  it.each([
    ['an element', (x: string) => `{"queues":[["${x}"]]}`],
    ['a value', (x: string) => `{"queues":"${x}"}`],
    ['a number', (x: string) => `{"queues":[${x.replaceAll('x', '1')}]}`],
    ['an object', (x: string) => `{"queues":{"a":"${x}"}}`],
    ['a name', (x: string) => `{"${x}":1}`],
    ['whitespace', (x: string) => `{${x.replaceAll('x', ' ')}}`],
  ])('have no part that takes a turn long: %s', async (_, text) => {
    const definitions = Buffer.from(text('x'.repeat(DEFINITION_BYTES_MAX + 1)))
    await expect(readDefinitions(definitions)).rejects.toThrow('of more than')
  })

  it('have no names without end', async () => {
    const names = Array.from({ length: DEFINITION_NAMES_MAX + 1 }, (_, i) => `"${i}":1`)
    await expect(read(`{${names.join()}}${long}`)).rejects.toThrow(`more than ${DEFINITION_NAMES_MAX} names`)
    expect(Object.keys((await read(`{${names.slice(1).join()}}${long}`)) as object)).toHaveLength(
      DEFINITION_NAMES_MAX,
    )
  })

  it('are read leniently up to a length', async () => {
    const text = `{queues: []}${' '.repeat(LENIENT_BYTES_MAX)}`
    await expect(read(text)).rejects.toThrow(SyntaxError)
    expect(await readDefinitions(Buffer.from(text), 2 * LENIENT_BYTES_MAX)).toEqual({ queues: [] })
  })

  it('may be JSON as people write it, and not nested deeper than allowed', async () => {
    expect(await read(`{queues: [{name: 'a',},], // all of them\n}${long}`)).toEqual({
      queues: [{ name: 'a' }],
    })
    const nested = (levels: number): string => `{"a":[${'['.repeat(levels)}${']'.repeat(levels)}]}${long}`
    await expect(read(nested(JSON_DEPTH_MAX))).rejects.toThrow(RangeError)
    expect(await read(nested(10))).toHaveProperty('a')
  })
})
