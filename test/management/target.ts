/** The HTTP API of a broker of the test file's own, or of the one in LEVERET_TEST_HTTP. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { requested } from '../support/record.ts'

const agent = new Agent({ keepAlive: true })
const given = process.env['LEVERET_TEST_HTTP']

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape, which the test looks into
  readonly json: any
  readonly location: string | null
}

export class Http {
  base = ''
  amqp = ''
  /** `user:password` */
  login = 'guest:guest'

  async call(method: string, path: string, body?: unknown, login = this.login): Promise<Answer> {
    const headers: Record<string, string> = {
      authorization: `Basic ${Buffer.from(login).toString('base64')}`,
    }
    if (body !== undefined) headers['content-type'] = 'application/json'
    const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    if (sent !== undefined) headers['content-length'] = String(sent.length)
    const url = `${this.base}/api/${path}`
    // A third of the work of fetch, which the tests of the API are made of.
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { method, headers, agent }, resolve).once('error', reject).end(sent)
    })
    const answer = await text(response)
    const status = response.statusCode ?? 0
    requested(method, path, body, status)
    return {
      status,
      json: answer === '' ? undefined : JSON.parse(answer),
      location: response.headers.location ?? null,
    }
  }
  get(path: string, login?: string): Promise<Answer> {
    return this.call('GET', path, undefined, login)
  }
  put(path: string, body: unknown = {}): Promise<Answer> {
    return this.call('PUT', path, body)
  }
  post(path: string, body: unknown = {}): Promise<Answer> {
    return this.call('POST', path, body)
  }
  delete(path: string): Promise<Answer> {
    return this.call('DELETE', path)
  }
}

/** Call once in a test file. */
export function useHttp(): Http {
  const http = new Http()
  let broker: RunningBroker | undefined
  beforeAll(async () => {
    if (given !== undefined) {
      http.base = given
      http.amqp = process.env['LEVERET_TEST_URL'] ?? ''
      return
    }
    broker = await createBroker({ port: 0, managementPort: 0 })
    http.base = `http://127.0.0.1:${broker.managementPort}`
    http.amqp = broker.url
  })
  afterAll(async () => {
    await broker?.close()
  })
  return http
}
