import { describe, expect, it } from 'vitest'
import { discreet } from '../../src/util/logger.ts'
import { withoutPassword, withoutPasswords } from '../../src/util/without-passwords.ts'

describe('an address', () => {
  it.each([
    ['amqp://user:secret@host', 'amqp://user@host'],
    ['amqps://user:s%40crt@host:5671/%2F?heartbeat=5', 'amqps://user@host:5671/%2F?heartbeat=5'],
    ['amqp://:secret@host', 'amqp://@host'],
    ['amqp://user:@host', 'amqp://user@host'],
    ['amqp://user:a@b:secret@host', 'amqp://user@host'],
    ['amqp://user:sec/ret@host', 'amqp://user@host'],
    ['amqp://user:se?c#ret@host/v', 'amqp://user@host/v'],
    ['amqp://user:secret@[::1]:5672/v', 'amqp://user@[::1]:5672/v'],
    ['amqp://a:secret@h1,amqp://b:secret@h2', 'amqp://a@h1,amqp://b@h2'],
    ['amqp://h1:5672,amqp://b:secret@h2', 'amqp://h1:5672,amqp://b@h2'],
    ['amqps://host?certfile=c&password=secret&verify=x', 'amqps://host?certfile=c&password=&verify=x'],
    [
      'cannot reach amqp://a:secret@h1: refused\nnor http://b:secret@h2.',
      'cannot reach amqp://a@h1: refused\nnor http://b@h2.',
    ],
    ['{"uri":"amqp://a:secret@h","who":"b@c"}', '{"uri":"amqp://a@h","who":"b@c"}'],
  ])('%s loses its password', (text, shown) => {
    expect(withoutPassword(text)).toBe(shown)
  })

  it.each([
    'amqp://',
    'amqp://host:5672/v@x',
    'amqp://user@host:5672',
    'http://[::1]:5672/x@y',
    '{"uri":"http://host","mail":"a:b@c"}',
    'no address: a:b@c',
    'a://b, c:d e@f',
    '',
  ])('%s has none, and stays as it is', (text) => {
    expect(withoutPassword(text)).toBe(text)
  })

  it('is found in time that grows with the text alone', () => {
    for (const text of ['://a:x', '://a:', '://', 'a:b@', '@://a:x', '?password=', '://a:1'])
      for (const end of ['', '@', ' ']) {
        const long = `@${text.repeat(100_000)}${end}`
        const began = performance.now()
        withoutPassword(long)
        expect([text, end, performance.now() - began < 2000]).toEqual([text, end, true])
      }
  })
})

describe('a value', () => {
  it('loses the passwords in it, however deep, and no member', () => {
    const value = JSON.parse(
      '{"src-uri":["amqp://a:secret@h"],"__proto__":{"toString":"amqp://a:secret@h"},"n":5,"constructor":null}',
    )
    expect(JSON.stringify(withoutPasswords(value))).toBe(
      '{"src-uri":["amqp://a@h"],"__proto__":{"toString":"amqp://a@h"},"n":5,"constructor":null}',
    )
  })

  it('may be an error', () => {
    const plain = new Error('plain')
    expect(withoutPasswords(plain)).toBe(plain)
    const error = Object.assign(new TypeError('no amqp://a:secret@h'), { code: 'EOOPS' })
    expect(withoutPasswords(error)).toMatchObject({
      type: 'TypeError',
      message: 'no amqp://a@h',
      code: 'EOOPS',
    })
    expect(JSON.stringify(withoutPasswords(error))).not.toContain('secret')
  })

  it('may lead back to itself', () => {
    const value: { self?: object } = {}
    value.self = value
    expect(withoutPasswords(value)).toBeDefined()
  })
})

describe('a line of the log', () => {
  it('shows no password of an address', () => {
    const lines: string[] = []
    const keep = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]))
    const logger = discreet({ debug: keep, info: keep, warn: keep, error: keep })
    for (const level of ['debug', 'info', 'warn', 'error'] as const)
      logger[level]({ uri: 'amqp://a:secret@h', err: new Error('amqp://a:secret@h') }, 'at amqp://a:secret@h')
    expect(lines).toHaveLength(4)
    expect(lines.join()).not.toContain('secret')
  })
})
