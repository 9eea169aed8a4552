/** Whoever watches messages takes no more of the broker than the bounds say. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { TAIL_QUEUES_MAX, TAILS_MAX, TAILS_OF_USER_MAX } from '../../src/operations/tail-limits.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import { type Answer, useHttp } from './target.ts'

const http = useHttp()

async function queue(): Promise<string> {
  const name = fresh('q')
  await http.put(`queues/%2F/${name}`)
  return name
}

function events(path: string, method = 'GET', login = http.login): Promise<Response> {
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  return fetch(`${http.base}/api/${path}`, {
    method,
    signal: abort.signal,
    headers: {
      authorization: `Basic ${Buffer.from(login).toString('base64')}`,
      accept: 'text/event-stream',
    },
  })
}

/** What is seen in one answer, while messages are published until it is there. */
async function seen(
  path: string,
  exchange: string,
  routing_key: string,
  properties: object = {},
): Promise<Answer> {
  let over = false
  const answer = http.get(path).finally(() => {
    over = true
  })
  const message = { properties, routing_key, payload: 'p', payload_encoding: 'string' }
  await until(async () => {
    if (!over) await http.post(`exchanges/%2F/${exchange}/publish`, message)
    return over
  }, 'the answer')
  return await answer
}

describe('watching messages', () => {
  it('is bounded in octets whatever the messages have most of', async () => {
    const name = await queue()
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`h${i}`, 'v'.repeat(5000)]))
    const { json } = await seen(`queues/%2F/${name}/tail?limit=15&seconds=5`, 'amq.default', name, {
      headers,
    })
    expect(json.reason).toBe('time')
    expect(json.missed).toBeGreaterThan(0)
    expect(json.messages.length).toBeLessThan(15)
  })

  it('shows the columns that are asked for', async () => {
    const { json } = await http.get(`queues/%2F/${await queue()}/tail?columns=missed`)
    expect(json).toEqual({ missed: 0 })
  })

  it('names some of very many queues', async () => {
    const x = fresh('x')
    await http.put(`exchanges/%2F/${x}`, { type: 'fanout' })
    for (let i = 0; i < TAIL_QUEUES_MAX + 5; i++)
      await http.post(`bindings/%2F/e/${x}/q/${await queue()}`, { routing_key: '' })
    const { json } = await seen(`exchanges/%2F/${x}/tail?limit=1&seconds=60`, x, 'k')
    expect(json.messages[0].queues).toHaveLength(TAIL_QUEUES_MAX)
  })

  it('takes a key as long as a binding may have', async () => {
    expect((await events(`exchanges/%2F/amq.topic/tail?key=${'a'.repeat(256)}`)).status).toBe(400)
    expect((await events(`exchanges/%2F/amq.topic/tail?key=${'a'.repeat(255)}`)).status).toBe(200)
  })

  it('is left to others by a user with very many watchers', async () => {
    const path = `queues/%2F/${await queue()}/tail`
    for (let i = 0; i < TAILS_OF_USER_MAX; i++) expect((await events(path)).status).toBe(200)
    expect((await events(path)).status).toBe(429)
    await http.put('users/other-watcher', { password: 'p', tags: 'management' })
    await http.put('permissions/%2F/other-watcher', { configure: '', write: '', read: '.*' })
    expect((await events(path, 'GET', 'other-watcher:p')).status).toBe(200)
    await http.delete('users/other-watcher')
  })

  it('shows nothing to HEAD, and so holds no place', async () => {
    const path = `queues/%2F/${await queue()}/tail`
    for (let i = 0; i <= TAILS_MAX; i++) expect((await events(path, 'HEAD')).status).toBe(200)
    expect((await events('queues/%2F/no-such/tail', 'HEAD')).status).toBe(404)
    expect((await events(path)).status).toBe(200)
  })
})
