/** Talks to the HTTP API: over the socket in the data folder, as the owner of the files, or to a URL. */
import { request } from 'node:http'
import { join } from 'node:path'
import { CONTROL_SOCKET } from '../../util/data-folder.ts'

export interface Target {
  /** `http://user:password@host:15672`; undefined = the socket in `dataDir` */
  readonly url: string | undefined
  readonly dataDir: string
  /** For an answer; undefined = without end. */
  readonly timeoutMs?: number | undefined
}

export class CtlError extends Error {
  readonly exitCode: number

  /** Exit codes as rabbitmqctl's: 64 usage, 65 data, 67 no user, 69 unavailable, 70 software, 75 time is over. */
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Another try may succeed. */
const EXIT_TEMPORARY = 75

export class Client {
  private readonly target: Target

  constructor(target: Target) {
    this.target = target
  }

  get<T = unknown>(path: string): Promise<T> {
    return this.call('GET', path) as Promise<T>
  }

  /** @throws CtlError */
  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<unknown> {
    const { url, dataDir, timeoutMs } = this.target
    const u = url === undefined ? undefined : new URL(url)
    const login = u === undefined ? '' : `${decodeURIComponent(u.username)}:${decodeURIComponent(u.password)}`
    const where =
      u === undefined
        ? { socketPath: join(dataDir, CONTROL_SOCKET) }
        : { host: u.hostname, port: u.port || 15_672, auth: login === ':' ? 'guest:guest' : login }
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const r = request(
        {
          ...where,
          method,
          path: `/api/${path}`,
          headers: { 'content-type': 'application/json', ...headers },
          ...(timeoutMs !== undefined && { signal: AbortSignal.timeout(timeoutMs) }),
        },
        (response) => {
          let answer = ''
          response.setEncoding('utf8')
          response.on('data', (s) => {
            answer += s
          })
          response.on('end', () => {
            const status = response.statusCode ?? 500
            let json: { reason?: string } | undefined
            try {
              json = answer === '' ? undefined : (JSON.parse(answer) as { reason?: string })
            } catch {
              reject(new CtlError(`the answer is no JSON (status ${status})`, 70))
              return
            }
            if (status < 300) resolve(json)
            else
              reject(
                new CtlError(
                  json?.reason ?? `status ${status}`,
                  status === 404 ? 65 : status === 401 ? 77 : 70,
                ),
              )
          })
        },
      )
      r.on('error', (error) => {
        if (['AbortError', 'TimeoutError'].includes(error.name)) {
          reject(new CtlError(`operation ${method} ${path} timed out after ${timeoutMs} ms`, EXIT_TEMPORARY))
          return
        }
        reject(
          new CtlError(
            `no broker answers at ${u === undefined ? join(dataDir, CONTROL_SOCKET) : u.host} (${(error as NodeJS.ErrnoException).code}); is it running, and is --data-dir right?`,
            69,
          ),
        )
      })
      r.end(text)
    })
  }
}
