/** Definitions that come in a form, as a page of one's own or curl -F sends them. Runs against RabbitMQ, too. */
import { describe, expect, it } from 'vitest'
import { differs, fresh } from '../support/target.ts'
import { useHttp } from './target.ts'

const http = useHttp()

interface Sent {
  readonly status: number
  readonly location: string | null
  readonly reason: string | undefined
}

async function send(
  fields: readonly (readonly [string, string | Blob])[],
  path = 'definitions',
): Promise<Sent> {
  const body = new FormData()
  for (const [name, value] of fields)
    if (typeof value === 'string') body.append(name, value)
    else body.append(name, value, 'definitions.json')
  const headers = { authorization: `Basic ${btoa(http.login)}` }
  const r = await fetch(`${http.base}/api/${path}`, { method: 'POST', headers, body, redirect: 'manual' })
  const text = await r.text()
  const reason = text === '' ? undefined : (JSON.parse(text) as { reason: string }).reason
  return { status: r.status, location: r.headers.get('location'), reason }
}

const user = (name: string): string => JSON.stringify({ users: [{ name, password_hash: '', tags: '' }] })

async function isThere(name: string): Promise<boolean> {
  const found = (await http.get(`users/${name}`)).status === 200
  if (found) await http.delete(`users/${name}`)
  return found
}

describe('a form', () => {
  it('may have its definitions as a text', async () => {
    const name = fresh('form')
    expect((await send([['file', user(name)]])).status).toBe(204)
    expect(await isThere(name)).toBe(true)
  })

  it('counts with the last field of a name', async () => {
    const [first, last] = [fresh('form'), fresh('form')]
    const sent = await send([
      ['file', user(first)],
      ['file', user(last)],
      ['redirect', '/a'],
      ['redirect', '/b'],
    ])
    expect(sent).toMatchObject({ status: 303, location: '/b' })
    expect([await isThere(first), await isThere(last)]).toEqual([false, true])
  })

  it.each([
    ['no file', [['other', '1']]],
    ['only a redirect', [['redirect', '/x']]],
    ['a file that is no JSON', [['file', '{']]],
    [
      'such a file and a redirect',
      [
        ['file', '{'],
        ['redirect', '/x'],
      ],
    ],
  ] as [string, [string, string][]][])('with %s is refused', async (_, fields) => {
    expect(await send(fields)).toEqual({ status: 400, location: null, reason: 'failed_to_parse_json' })
  })

  it('is nothing that other routes take', async () => {
    const name = fresh('form')
    await http.put(`queues/%2F/${name}`)
    expect(await send([['file', '{"count":1}']], `queues/%2F/${name}/get`)).toMatchObject({ status: 400 })
    await http.delete(`queues/%2F/${name}`)
  })

  differs('RabbitMQ has no limit for texts')('with a text that is too long says how to send it', async () => {
    const padding = ' '.repeat(70_000)
    expect(await send([['file', `{${padding}}`]])).toEqual({
      status: 413,
      location: null,
      reason: 'a text in a form has at most 65536 octets: send definitions as a file',
    })
    expect((await send([['file', new Blob([`{${padding}}`])]])).status).toBe(204)
  })
})

describe('the redirect of a form', () => {
  it.each(['../#/import-succeeded', '/', '#/queues', '?a=b', 'x/y%20z', ''])('leads to %j', async (to) => {
    for (const path of ['definitions', 'definitions/%2F', 'all-configuration'])
      expect(
        await send(
          [
            ['file', '{}'],
            ['redirect', to],
          ],
          path,
        ),
      ).toMatchObject({ status: 303, location: to })
  })

  differs('RabbitMQ redirects anywhere, and takes line breaks into the header').each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    'http:evil',
    'https:evil',
    'javascript:alert(1)',
    '/x\r\nx-evil: 1',
    '/a b',
    '/\u00e4',
    `/${'x'.repeat(2048)}`,
  ])('never leads to %j, and nothing is loaded then', async (to) => {
    const name = fresh('form')
    const sent = await send([
      ['file', user(name)],
      ['redirect', to],
    ])
    expect(sent).toEqual({
      status: 400,
      location: null,
      reason: 'redirect is not a relative reference to a page of this server',
    })
    expect(await isThere(name)).toBe(false)
  })
})
