/** A client of the HTTP API. The credentials of the user are kept only here, in memory. */
import { Store } from './store.ts'

export interface Session {
  readonly name: string
  readonly tags: readonly string[]
}

/** An error response of the HTTP API, with the broker's text. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, reason: string) {
    super(reason)
    this.status = status
  }
}

/** Whether the requested object does not exist, or no longer exists. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

/** Whether the user lacks the right to the requested object, or this broker does not have it. */
export function isRefused(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 404].includes(error.status)
}

/** The broker did not respond. The message stays true when the broker is back. */
export class Unanswered extends Error {
  /** Whether the request was a GET, which changes nothing. */
  readonly reading: boolean

  constructor(method: string) {
    super(
      method === 'GET'
        ? 'The broker did not answer.'
        : 'The broker did not answer: look whether it has done this before you try again.',
    )
    this.reading = method === 'GET'
  }
}

const REQUEST_MS_MAX = 30_000

let authorization: string | undefined
export const session = new Store<Session | undefined>(undefined)
/** The reason why the login page is shown again. */
export const loginNotice = new Store<string | undefined>(undefined)
/** Since when the broker has not responded, in ms since 1970; undefined while it responds. */
export const lostSince = new Store<number | undefined>(undefined)
/** Number of changes made from this page; each makes lists reload. */
export const changes = new Store(0)

/** Encodes a part of a path: names may contain any character. */
export function enc(name: string): string {
  return encodeURIComponent(name.toWellFormed())
}

export function path(...parts: readonly string[]): string {
  return parts.map(enc).join('/')
}

export interface Options {
  readonly body?: unknown
  /** A body that is sent as it is, instead of `body` as JSON. */
  readonly text?: string
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

function signalOf(options: Options): AbortSignal {
  const timeout = AbortSignal.timeout(REQUEST_MS_MAX)
  return options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
}

/** Returns the raw response, whatever its status. @throws TypeError if there is none */
export async function request(
  method: string,
  target: string,
  options: Options = {},
  signal = signalOf(options),
): Promise<Response> {
  const body = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  const response = await fetch(`api/${target}`, {
    method,
    signal,
    // Keeps the browser out of the login: it shows no dialog of its own and stores nothing.
    credentials: 'omit',
    cache: 'no-store',
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  lostSince.set(undefined)
  return response
}

export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text()
  let reason = text
  let error = ''
  try {
    const json = JSON.parse(text) as { reason?: unknown; error?: unknown }
    reason = String(json.reason ?? json.error ?? text)
    error = String(json.error ?? '')
  } catch {
    // Not the broker's JSON: a proxy in between may respond with anything.
  }
  if (response.status === 401 && error === 'not_authorized' && session.get() !== undefined)
    void leaveIfRefused()
  return new ApiError(response.status, reason || `status ${response.status}`)
}

let askingWho = false

/**
 * Logs out if the active node refuses the login, too: a standby answers some requests itself, and may not know the user
 * yet.
 */
async function leaveIfRefused(): Promise<void> {
  if (askingWho) return
  askingWho = true
  const asked = authorization
  try {
    const { status } = await request('GET', 'whoami')
    if (status === 401 && authorization === asked) leave('The broker does not accept this login any more.')
  } catch {
    // No response: the next 401 checks again.
  } finally {
    askingWho = false
  }
}

/** Path parts `.` and `..`, which browsers resolve however they are encoded, and would so request another path. */
const STEPS = /(^|\/)\.\.?(?=[/?]|$)/

/** @throws ApiError, Unanswered */
export async function call<T>(method: string, target: string, options: Options = {}): Promise<T> {
  if (STEPS.test(target))
    throw new ApiError(
      400,
      'Browsers cannot ask for the names . and .. in the HTTP API: use the command line.',
    )
  let response: Response
  try {
    response = await request(method, target, options)
  } catch (error) {
    if (options.signal?.aborted === true) throw error
    if (lostSince.get() === undefined) lostSince.set(Date.now())
    throw new Unanswered(method)
  }
  if (!response.ok) throw await errorOf(response)
  const text = await response.text()
  return (text === '' ? undefined : JSON.parse(text)) as T
}

export function get<T>(target: string, signal?: AbortSignal): Promise<T> {
  return call<T>('GET', target, signal === undefined ? {} : { signal })
}

const asked = new Map<string, Promise<unknown>>()

/** Like `get`, but concurrent calls for the same target share one request. */
export function getTogether<T>(target: string): Promise<T> {
  const before = asked.get(target)
  if (before !== undefined) return before as Promise<T>
  const answer = get<T>(target).finally(() => asked.delete(target))
  asked.set(target, answer)
  return answer
}

/** Sends a request that changes the broker. @throws the errors of `call` */
export async function change<T = undefined>(
  method: 'PUT' | 'POST' | 'DELETE',
  target: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const answer = await call<T>(method, target, { body, headers })
  changes.set(changes.get() + 1)
  return answer
}

/** The text of an error for the user. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function enter(header: string): Promise<void> {
  authorization = header
  try {
    const me = await get<Session>('whoami')
    loginNotice.set(undefined)
    session.set(me)
  } catch (error) {
    authorization = undefined
    throw error
  }
}

/** @throws the errors of `call` */
export function logIn(user: string, password: string): Promise<void> {
  const octets = new TextEncoder().encode(`${user}:${password}`)
  return enter(`Basic ${btoa(Array.from(octets, (o) => String.fromCharCode(o)).join(''))}`)
}

/** @throws the errors of `call` */
export function logInWithToken(token: string): Promise<void> {
  return enter(`Bearer ${token}`)
}

export function leave(notice?: string): void {
  authorization = undefined
  loginNotice.set(notice)
  session.set(undefined)
}

/** Whether the user has the tag; administrators have the rights of every tag. */
export function may(tag: 'policymaker' | 'monitoring' | 'administrator'): boolean {
  const tags = session.get()?.tags ?? []
  return tags.includes('administrator') || tags.includes(tag)
}
