/** Parts that all routes of the HTTP API share: the user, the vhost and the format of errors. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Broker } from '../broker/broker.ts'
import { whileHolds } from '../broker/jobs.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Server } from '../connection/server.ts'
import type { Model } from '../model/model.ts'
import type { Caller } from '../operations/caller.ts'
import { GivenUp } from '../operations/given-up.ts'
import { InvalidRequest } from '../operations/invalid-request.ts'
import { ProtectedVhost } from '../operations/vhosts.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import { fullAccess, noAccess } from '../security/access.ts'
import type { Principal } from '../security/principal.ts'
import type { Users } from '../security/users.ts'
import { Abandoned } from '../storage/batch.ts'
import { StorageError } from '../storage/storage.ts'
import type { Json } from '../util/json.ts'
import { withoutPassword } from '../util/without-passwords.ts'
import type { BodyBudget } from './body-budget.ts'
import { BadPage, Left, type Listed, type ListQuery, type LongAnswer, listed, oneByOne } from './listing.ts'
import type { LongAnswers } from './long-answers.ts'
import type { ManagedBroker, ManagedNode } from './managed-node.ts'
import type { BodyField } from './schemas/body-field.ts'

/** The line width with which Erlang prints terms. */
const LINE_COLUMNS = 80
/** Messages that one request may examine. */
export const MESSAGES_MAX = 1000

/** `none`: no login required. */
export type Tag = 'none' | 'management' | 'policymaker' | 'monitoring' | 'administrator'

/** Each tag includes the ones before it, except that policymaker and monitoring do not include each other. */
const includes: Record<Exclude<Tag, 'none'>, readonly string[]> = {
  management: ['management', 'policymaker', 'monitoring', 'administrator'],
  policymaker: ['policymaker', 'administrator'],
  monitoring: ['monitoring', 'administrator'],
  administrator: ['administrator'],
}

/** The principal of clients that can read the data folder: all rights. */
export const owner: Principal = {
  name: 'leveret',
  tags: ['administrator'],
  byToken: false,
  expires: undefined,
  access: () => fullAccess,
}

/** RabbitMQ's texts for users that lack a tag. */
export const missingTag: Record<Tag, string> = {
  none: '',
  management: 'Not management user',
  policymaker: 'User not authorised to access object',
  monitoring: 'Not monitor user',
  administrator: 'Not administrator user',
}

/** The principal of requests that need no login. */
export const nobody: Principal = {
  name: '',
  tags: [],
  byToken: false,
  expires: undefined,
  access: () => undefined,
}

/** Converts a value to text; parsed JSON objects have no prototype here, so String() would throw. */
function brief(part: unknown): string {
  return typeof part === 'object' && part !== null ? 'an object' : String(part)
}

/** An answer with a status other than 200. */
export class HttpError extends Error {
  readonly status: number
  readonly error: string
  /** A string, or a word and its subject: `["not_boolean", "maybe"]`. */
  readonly reason: string | readonly unknown[]

  constructor(status: number, error: string, reason: string | readonly unknown[]) {
    super(typeof reason === 'string' ? reason : reason.map(brief).join(': '))
    this.status = status
    this.error = error
    this.reason = reason
  }
}

export const notLoggedIn = new HttpError(401, 'not_authorized', 'Login failed')

export function notFound(): HttpError {
  return new HttpError(404, 'Object Not Found', 'Not Found')
}

export function badRequest(reason: string | readonly unknown[]): HttpError {
  return new HttpError(400, 'bad_request', reason)
}

/** All keys that a body lacks, as RabbitMQ prints them: on one line if it is short enough. */
export function missingKeys(names: readonly string[]): HttpError {
  const terms = names.map((n) => `{key_missing,${n}}`)
  const line = `[${terms.join()}]`
  return badRequest(line.length < LINE_COLUMNS ? line : `[${terms.join(',\n ')}]`)
}

function noVhost(): HttpError {
  return new HttpError(404, 'not_found', 'vhost_not_found')
}

export function flag(body: Json, name: string, byDefault = false): boolean {
  const v = body[name]
  return v === undefined ? byDefault : v === true || v === 'true'
}

const notActive = new HttpError(503, 'service_unavailable', 'this node has no active broker at the moment')

/** @throws HttpError 503 */
export function activeOn({ active }: ManagedNode): ManagedBroker {
  if (active === undefined) throw notActive
  return active
}

/** Errors that would close a channel become 400 with their code, whatever the code is. @throws HttpError 400 */
export async function withCode<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof AmqpError) throw badRequest(`${error.code} ${error.replyText}`)
    throw error
  }
}

/** Shortens `NOT_FOUND - no queue 'q'` to `no queue 'q'`, as RabbitMQ does if no channel is involved. */
function withoutName(replyText: string): string {
  return replyText.replace(/^[A-Z_]+ - /, '')
}

/** Converts anything thrown to the answer of RabbitMQ's API. */
function answerTo(thrown: unknown): HttpError {
  if (thrown instanceof HttpError) return thrown
  if (thrown instanceof AmqpError) {
    if (thrown.code === ReplyCode.AccessRefused) return notAuthorised(thrown.replyText)
    if (thrown.code === ReplyCode.NotFound)
      return new HttpError(404, 'not_found', withoutName(thrown.replyText))
    return badRequest(withoutName(thrown.replyText))
  }
  if (thrown instanceof Abandoned) return notActive
  if (thrown instanceof StorageError || thrown instanceof GivenUp)
    return new HttpError(503, 'service_unavailable', thrown.message)
  if (thrown instanceof ProtectedVhost) return new HttpError(412, 'precondition_failed', thrown.message)
  if (thrown instanceof BadPage) return new HttpError(400, thrown.error, thrown.message)
  if (thrown instanceof InvalidRequest) return badRequest(thrown.message)
  if (thrown instanceof Left) return badRequest('the client has left')
  const { statusCode = 500, message = '' } = thrown as { statusCode?: number; message?: string }
  if (statusCode === 404) return new HttpError(404, 'Object Not Found', message)
  if (statusCode < 500) return new HttpError(statusCode, 'bad_request', message)
  return new HttpError(500, 'internal_error', 'see the log')
}

/** Returns the status; 500 means a fault in the broker. No answer shows the password of a URI. */
export function errorReply(thrown: unknown, reply: FastifyReply): number {
  const { status, error, reason } = answerTo(thrown)
  if (thrown === notLoggedIn) void reply.header('www-authenticate', 'Basic realm="RabbitMQ Management"')
  void reply
    .code(status)
    .send({ error, reason: typeof reason === 'string' ? withoutPassword(reason) : reason })
  return status
}

export function hasTag(user: Principal, tag: Tag): boolean {
  return tag === 'none' || user.tags.some((t) => includes[tag].includes(t))
}

export function notAuthorised(reason: string): HttpError {
  return new HttpError(401, 'not_authorised', reason)
}

/** One request: its parameters, query and body as received, and its user. */
export class Request<Field extends string = string> {
  readonly node: ManagedNode
  readonly user: Principal
  readonly params: Record<string, string>
  readonly query: ListQuery & Record<string, string | undefined>
  /** Validated against the schema of the route; the type knows its fields. */
  readonly body: { readonly [F in Field]?: unknown }
  readonly raw: FastifyRequest
  readonly reply: FastifyReply
  private readonly longAnswers: LongAnswers
  private readonly bodies: BodyBudget
  private readonly held: (() => void)[] = []

  constructor(
    node: ManagedNode,
    user: Principal,
    raw: FastifyRequest,
    reply: FastifyReply,
    longAnswers: LongAnswers,
    bodies: BodyBudget,
  ) {
    this.longAnswers = longAnswers
    this.bodies = bodies
    this.node = node
    this.user = user
    this.raw = raw
    this.reply = reply
    this.params = (raw.params ?? {}) as Record<string, string>
    this.query = firstOfEach((raw.query ?? {}) as Record<string, string | string[]>)
    this.body = (raw.body ?? {}) as { readonly [F in Field]?: unknown }
  }

  /** The currently active broker. @throws HttpError 503 */
  get active(): ManagedBroker {
    return activeOn(this.node)
  }

  get model(): Model {
    return this.active.model
  }

  get broker(): Broker {
    return this.model.broker
  }

  get users(): Users {
    return this.model.users
  }

  get server(): Server {
    return this.active.server
  }

  private get isChange(): boolean {
    return this.raw.method === 'PUT' || this.raw.method === 'POST'
  }

  /** Whether statistics are omitted from the answer, because of the query or the configuration. */
  get withoutStatistics(): boolean {
    return this.query['disable_stats'] === 'true' || this.node.settings.http.disableStats
  }

  /** Without statistics: whether the lengths of queues are included nevertheless. */
  get withQueueTotals(): boolean {
    return this.query['enable_queue_totals'] === 'true' || this.node.settings.http.enableQueueTotals
  }

  is(tag: Tag): boolean {
    return hasTag(this.user, tag)
  }

  sees(vhost: Vhost): boolean {
    return this.is('monitoring') || this.user.access(vhost.name) !== undefined
  }

  /** The vhosts that the user has access to. */
  vhosts(): Vhost[] {
    return [...this.broker.vhosts.values()].filter((v) => this.sees(v))
  }

  /** @throws HttpError 401 */
  need(tag: Tag): void {
    if (!this.is(tag)) throw notAuthorised(missingTag[tag])
  }

  /** Sends a warning in a header, because the body has RabbitMQ's format. */
  warn(text: string): void {
    this.reply.header('warning', `299 leveret "${text}"`)
  }

  /** The vhost in the path. @throws HttpError 404, 401 */
  vhost(): Vhost {
    const vhost = this.broker.vhosts.get(this.params['vhost'] ?? '')
    if (vhost === undefined) throw this.isChange ? noVhost() : notFound()
    if (!this.sees(vhost)) throw notAuthorised('User not authorised to access virtual host')
    return vhost
  }

  /** The vhosts of a list: the one in the path, or all. */
  vhostsOfPath(): Vhost[] {
    return this.params['vhost'] === undefined ? this.vhosts() : [this.vhost()]
  }

  /** Makes an answer that may be long or take long. @throws HttpError 503 if its user has too many of them */
  long<A>(make: () => Promise<A>): Promise<A> {
    return this.longAnswers.made(this.user.name, this.reply.raw, make)
  }

  /** Reserves bytes of messages in the answer, until it is sent or its client leaves. @throws HttpError 503 */
  holds(octets: number): void {
    const release = this.bodies.reserve(this.user.name, octets)
    if (this.reply.raw.closed) release()
    else if (this.held.push(release) === 1)
      this.reply.raw.once('close', () => {
        for (const releaseOne of this.held) releaseOne()
      })
  }

  /** Checks that so many bytes could be reserved. @throws HttpError 503 */
  needsRoom(octets: number): void {
    this.bodies.reserve(this.user.name, octets)()
  }

  /** A list of items that may be large: each is described once the client has read the ones before it. */
  inPieces<T>(items: readonly T[], describe: (item: T) => unknown): string | LongAnswer {
    this.reply.type('application/json; charset=utf-8')
    return oneByOne(items, describe, this.query)
  }

  /** Whether the client has disconnected. */
  readonly gone = (): boolean => this.raw.raw.socket.destroyed

  /** Lists items as the query requests. @throws InvalidRequest; Left */
  async list<T>(items: Iterable<T>, kind: Listed<T>, query = this.query): Promise<string | LongAnswer> {
    const answer = await this.long(() => listed(items, kind, query, this.gone))
    this.reply.type('application/json; charset=utf-8')
    return answer
  }

  /** Lists items without pagination. */
  listAll<T>(items: Iterable<T>, kind: Listed<T>): Promise<string | LongAnswer> {
    const { page: _, name: __, ...query } = this.query
    return this.list(items, kind, query as Request['query'])
  }

  /** The caller for operations, with the user's current permissions. */
  caller(vhost: Vhost): Caller {
    const { user, node } = this
    return {
      user: user.name,
      tags: user.tags,
      get access() {
        // A token may run out while its user watches messages.
        const isOver = user.expires !== undefined && user.expires <= node.clock.now()
        return (isOver ? undefined : user.access(vhost.name)) ?? noAccess
      },
      vhost,
      owner: this,
    }
  }

  /**
   * Resolves once the disk can take more messages. Over AMQP, clients that add messages are not read meanwhile. Here, one
   * request would follow the other, and what they add would fill the memory.
   * @throws Left; Abandoned if the broker is closed before that
   */
  async untilWritten(): Promise<void> {
    const { turn } = this.broker
    const waits = (): boolean => turn.isBehind() && !turn.givesUp() && !this.gone()
    // Each of many requests that wait checks again, since those before it may have added much.
    while (waits()) await turn.jobs.finished(whileHolds(waits))
    if (this.gone()) throw new Left()
    if (turn.isBehind()) throw new Abandoned()
  }

  /** Resolves once the change is on disk; 201 if something was created, 204 otherwise. */
  async stored(isNew: boolean): Promise<undefined> {
    await this.model.commit.flush()
    this.reply.code(isNew ? 201 : 204)
    return undefined
  }

  /** @throws HttpError 400 */
  text(name: Field): string {
    const v = this.body[name]
    if (typeof v !== 'string') throw missingKeys([name])
    return v
  }
}

/** If a parameter is repeated, its first value counts, as in RabbitMQ. */
function firstOfEach(query: Record<string, string | string[]>): Request['query'] {
  const out: Record<string, string | undefined> = Object.create(null)
  for (const [name, v] of Object.entries(query)) out[name] = Array.isArray(v) ? v[0] : v
  return out
}

/** Adds a route; every answer is JSON, and has no body if the handler has set 204 or 201. */
export type AddRoute = <Method extends 'GET' | 'PUT' | 'POST' | 'DELETE', Path extends string>(
  method: Method,
  path: Path,
  tag: Tag,
  handler: (r: Request<BodyField<`${Method} ${Path}`>>) => unknown,
) => void
