/** Clients that leave while their login is checked take nothing with them. */
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { BodyBudget } from '../../src/management/body-budget.ts'
import { TAILS_MAX } from '../../src/operations/tail-limits.ts'
import { Users } from '../../src/security/users.ts'
import { until } from '../support/until.ts'
import { useHttp } from './target.ts'

const http = useHttp()

afterEach(() => {
  vi.restoreAllMocks()
})

/** Resolves when the broker has done what it does for that request, whose client left during the login. */
async function leave(head: string): Promise<void> {
  const client = connect(Number(new URL(http.base).port), '127.0.0.1')
  client.on('error', () => {})
  const responses: ServerResponse[] = []
  const hear = (message: unknown): void => {
    responses.push((message as { response: ServerResponse }).response)
  }
  diagnostics.subscribe('http.server.request.start', hear)
  const login = Users.prototype.login
  let answered = false
  const mock = vi.spyOn(Users.prototype, 'login').mockImplementation(async function (this: Users, ...parts) {
    const [response] = responses
    if (response === undefined) throw new Error('no request')
    client.resetAndDestroy()
    if (!response.closed) await once(response, 'close')
    answered = true
    return await login.apply(this, parts)
  })
  client.write(`${head}\r\nHost: x\r\nAuthorization: Basic ${btoa('guest:guest')}\r\n\r\n`)
  await until(() => answered, 'the login')
  mock.mockRestore()
  diagnostics.unsubscribe('http.server.request.start', hear)
  // Whatever the first one went on with comes before the answer to another one.
  await http.get('overview')
}

it.each(['multipart/form-data; boundary=x', 'application/json'])('room for a body: %s', async (type) => {
  let octets = 0
  const reserve = BodyBudget.prototype.reserve
  let reserved = 0
  vi.spyOn(BodyBudget.prototype, 'reserve').mockImplementation(function (this: BodyBudget, user, length) {
    const release = reserve.call(this, user, length)
    octets += length
    reserved += length
    return () => {
      octets -= length
      release()
    }
  })
  await leave(`POST /api/definitions HTTP/1.1\r\nContent-Type: ${type}\r\nContent-Length: 60000000`)
  expect(octets).toBe(0)
  if (type !== 'application/json') expect(reserved).toBeGreaterThan(0)
})

it('a place among those who watch messages', async () => {
  for (let i = 0; i <= TAILS_MAX; i++)
    await leave(`GET /api/exchanges/%2F/amq.topic/tail HTTP/1.1\r\nAccept: text/event-stream`)
  expect((await http.get('exchanges/%2F/amq.topic/tail?seconds=1&limit=1')).status).toBe(200)
})
