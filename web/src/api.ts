/** The HTTP API: what a script could do too. Whoever is logged in is known here only, in memory. */
import { Store } from './store.ts'

export interface Session {
  readonly name: string
  readonly tags: readonly string[]
}

/** In the broker's words. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, reason: string) {
    super(reason)
    this.status = status
  }
}

/** The object that was asked for is not there, or not any more. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

/** What was asked for is not for this user, or this broker has no such thing. */
export function isRefused(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 404].includes(error.status)
}

/** There was no answer at all. What it says is still true when the broker is back. */
export class Unanswered extends Error {
  /** Nothing was to be changed. */
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
/** Why the login page is shown again. */
export const loginNotice = new Store<string | undefined>(undefined)
/** Since when the broker has not answered, in ms since 1970. */
export const lostSince = new Store<number | undefined>(undefined)
/** Counts changes made from this page: lists are read again. */
export const changes = new Store(0)

/** For a part of a path: names may hold anything. */
export function enc(name: string): string {
  return encodeURIComponent(name.toWellFormed())
}

export function path(...parts: readonly string[]): string {
  return parts.map(enc).join('/')
}

export interface Options {
  readonly body?: unknown
  /** The body as it is. */
  readonly text?: string
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

function signalOf(options: Options): AbortSignal {
  const timeout = AbortSignal.timeout(REQUEST_MS_MAX)
  return options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
}

/** The raw answer, whatever its status. @throws TypeError where there is none */
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
    // The browser has no part in the login: no dialog of its own, nothing that it keeps.
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
    // What is in between, a proxy perhaps, answers as it likes.
  }
  if (response.status === 401 && error === 'not_authorized' && session.get() !== undefined)
    void leaveIfRefused()
  return new ApiError(response.status, reason || `status ${response.status}`)
}

let askingWho = false

/** A standby answers for itself where it can, and may not know the user yet: the active node decides. */
async function leaveIfRefused(): Promise<void> {
  if (askingWho) return
  askingWho = true
  const asked = authorization
  try {
    const { status } = await request('GET', 'whoami')
    if (status === 401 && authorization === asked) leave('The broker does not accept this login any more.')
  } catch {
    // There was no answer: the next refusal asks again.
  } finally {
    askingWho = false
  }
}

/** Browsers take a part of dots for a step in the path, however it is written, and would ask for something else. */
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

/** As `get`, for what many parts of a page want at the same time: the broker is asked once for all of them. */
export function getTogether<T>(target: string): Promise<T> {
  const before = asked.get(target)
  if (before !== undefined) return before as Promise<T>
  const answer = get<T>(target).finally(() => asked.delete(target))
  asked.set(target, answer)
  return answer
}

/** Something that changes the broker. @throws as `call` */
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

/** As people read it. */
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

/** @throws as `call` */
export function logIn(user: string, password: string): Promise<void> {
  const octets = new TextEncoder().encode(`${user}:${password}`)
  return enter(`Basic ${btoa(Array.from(octets, (o) => String.fromCharCode(o)).join(''))}`)
}

/** @throws as `call` */
export function logInWithToken(token: string): Promise<void> {
  return enter(`Bearer ${token}`)
}

export function leave(notice?: string): void {
  authorization = undefined
  loginNotice.set(notice)
  session.set(undefined)
}

/** Each tag includes those before it, but for policymaker and monitoring. */
export function may(tag: 'policymaker' | 'monitoring' | 'administrator'): boolean {
  const tags = session.get()?.tags ?? []
  return tags.includes('administrator') || tags.includes(tag)
}
