/** POST /api/login: a form or JSON with username and password, as RabbitMQ's UI sends it. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LOGIN_BODY_BYTES_MAX } from '../limits.ts'
import { badRequest, HttpError, notLoggedIn } from './http.ts'

type Authenticate = (raw: FastifyRequest, authorization: string) => Promise<unknown>

export function loginRoute(app: FastifyInstance, authenticate: Authenticate): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      '*',
      { parseAs: 'string' },
      async (_request: unknown, text: string | Buffer) => text,
    )
    scope.post('/api/login', { bodyLimit: LOGIN_BODY_BYTES_MAX }, async (raw, reply) => {
      const { username, password } = fields(String(raw.body ?? ''))
      const credentials = Buffer.from(`${username}:${password}`).toString('base64')
      try {
        await authenticate(raw, `Basic ${credentials}`)
      } catch (error) {
        if (error === notLoggedIn) throw new HttpError(401, 'not_authorized', 'Not_Authorized')
        throw error
      }
      // RabbitMQ also sets a cookie that contains the password; nothing here would use it.
      return reply.type('application/json').send('"ok"')
    })
  })
}

/** @throws HttpError 400 */
function fields(text: string): { username: string; password: string } {
  let given: { username?: unknown; password?: unknown }
  try {
    given = text.startsWith('{') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
  } catch {
    throw badRequest('not_json')
  }
  const { username, password } = given
  if (typeof username !== 'string' || typeof password !== 'string')
    throw new HttpError(401, 'not_authorized', 'Not_Authorized')
  return { username, password }
}
