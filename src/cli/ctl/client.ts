/** A client of the HTTP API, over the socket in the data folder (as the owner of the files) or at a URL. */
import { readFileSync } from 'node:fs'
import { request as plainRequest, type RequestOptions } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { join } from 'node:path'
import { CONTROL_SOCKET } from '../../util/data-folder.ts'
import { isNoTls } from '../../util/sockets.ts'

export interface Target {
  /** `http://user:password@host:15672`, or https and port 15671; undefined = the socket in `dataDir` */
  readonly url: string | undefined
  readonly dataDir: string
  /** CA certificates to verify an https server with; undefined = those of Node. */
  readonly caFile?: string | undefined
  /** Timeout of a response; undefined = none. */
  readonly timeoutMs?: number | undefined
}

export class CtlError extends Error {
  readonly exitCode: number
  /** HTTP status; undefined if there was no response. */
  readonly status: number | undefined

  /** Exit codes follow rabbitmqctl: 64 usage, 65 data, 67 no user, 69 unavailable, 70 software, 75 timeout. */
  constructor(message: string, exitCode: number, status?: number) {
    super(message)
    this.exitCode = exitCode
    this.status = status
  }
}

/** Characters of an answer, which might otherwise never end: nearly as many as a text can have. */
const ANSWER_LENGTH_MAX = 511 * 1024 * 1024

/** An error after which a retry may succeed. */
const EXIT_TEMPORARY = 75
const EXIT_USAGE = 64
const EXIT_NO_INPUT = 66
const EXIT_UNAVAILABLE = 69
const EXIT_SOFTWARE = 70
const exitCodes: Readonly<Record<number, number>> = { 400: 69, 404: 65, 401: 77, 412: 69, 503: 69 }

export class Client {
  readonly target: Target
  private readonly lengthMax: number

  /** @param lengthMax characters of an answer */
  constructor(target: Target, lengthMax = ANSWER_LENGTH_MAX) {
    this.target = target
    this.lengthMax = lengthMax
  }

  get<T = unknown>(path: string): Promise<T> {
    return this.call('GET', path) as Promise<T>
  }

  /** @throws CtlError */
  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<unknown> {
    const { timeoutMs } = this.target
    const u = this.url
    return new Promise((resolve, reject) => {
      const r = (u?.protocol === 'https:' ? tlsRequest : plainRequest)(
        {
          ...this.where(u),
          method,
          path: `${u?.pathname.replace(/\/$/, '') ?? ''}/api/${path}`,
          headers: { 'content-type': 'application/json', ...headers },
          ...(timeoutMs !== undefined && { signal: AbortSignal.timeout(timeoutMs) }),
        },
        (response) => {
          let answer = ''
          response.setEncoding('utf8')
          response.on('data', (s) => {
            answer += s
            if (answer.length <= this.lengthMax) return
            const why = `the answer to ${method} ${path} has more than ${this.lengthMax} characters`
            reject(new CtlError(why, EXIT_SOFTWARE))
            response.destroy()
          })
          response.on('error', (error) => reject(this.unanswered(u, error)))
          response.on('end', () => settle(response.statusCode ?? 500, answer, resolve, reject))
        },
      )
      r.on('error', (error) => {
        if (['AbortError', 'TimeoutError'].includes(error.name))
          reject(new CtlError(`operation ${method} ${path} timed out after ${timeoutMs} ms`, EXIT_TEMPORARY))
        else reject(this.unanswered(u, error))
      })
      // A change to another protocol ends the request without an error.
      r.once('close', () => reject(this.unanswered(u, new Error('it does not answer'))))
      r.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** @throws CtlError */
  private get url(): URL | undefined {
    const { url } = this.target
    if (url === undefined) return undefined
    let u: URL | undefined
    try {
      u = new URL(url)
    } catch {}
    // The URL is not quoted: it may contain a password.
    if (u === undefined || !['http:', 'https:'].includes(u.protocol) || u.hostname === '')
      throw new CtlError(
        'an address of the HTTP API is http://user:password@host:15672, or https',
        EXIT_USAGE,
      )
    return u
  }

  private where(u: URL | undefined): RequestOptions {
    const { dataDir, caFile } = this.target
    if (u === undefined) return { socketPath: join(dataDir, CONTROL_SOCKET) }
    const login = `${decodeURIComponent(u.username)}:${decodeURIComponent(u.password)}`
    return {
      host: u.hostname.replace(/^\[|\]$/g, ''),
      port: u.port || (u.protocol === 'https:' ? 15_671 : 15_672),
      auth: login === ':' ? 'guest:guest' : login,
      ...(caFile !== undefined && { ca: certificates(caFile) }),
    }
  }

  private unanswered(u: URL | undefined, error: Error): CtlError {
    const { code = error.message } = error as NodeJS.ErrnoException
    const where = u === undefined ? join(this.target.dataDir, CONTROL_SOCKET) : u.host
    if (u !== undefined && (isNoTls(error) || code.startsWith('HPE_')))
      return new CtlError(`${u.host} does not speak ${isNoTls(error) ? 'TLS' : 'HTTP'}`, EXIT_UNAVAILABLE)
    const hint = u === undefined ? 'is it running, and is --data-dir right?' : 'is it running there?'
    return new CtlError(`no broker answers at ${where} (${code}); ${hint}`, EXIT_UNAVAILABLE)
  }
}

function certificates(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new CtlError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`, EXIT_NO_INPUT)
  }
}

function settle(
  status: number,
  answer: string,
  resolve: (json: unknown) => void,
  reject: (error: CtlError) => void,
): void {
  let json: { reason?: unknown } | undefined
  try {
    json = answer === '' ? undefined : (JSON.parse(answer) as { reason?: unknown })
  } catch {
    reject(new CtlError(`the response is not JSON (status ${status})`, EXIT_SOFTWARE))
    return
  }
  if (status < 300) resolve(json)
  else reject(new CtlError(reasonOf(json?.reason, status), exitCodes[status] ?? EXIT_SOFTWARE, status))
}

function reasonOf(reason: unknown, status: number): string {
  return reason === undefined
    ? `status ${status}`
    : typeof reason === 'string'
      ? reason
      : JSON.stringify(reason)
}
