/** The HTTP API of a broker of the test file's own, or of the one in LEVERET_TEST_HTTP. */
import { afterAll, beforeAll } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { requested } from '../support/record.ts'

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
    const r = await fetch(`${this.base}/api/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await r.text()
    requested(method, path, body, r.status)
    return {
      status: r.status,
      json: text === '' ? undefined : JSON.parse(text),
      location: r.headers.get('location'),
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
