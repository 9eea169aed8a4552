/** The JetStream requests that are used, and their responses (fields are named as in NATS). */
import { isOlder } from '../util/version.ts'
import { EngineError, type LogCopy } from './engine.ts'

export interface ApiError {
  readonly code: number
  readonly err_code?: number
  readonly description?: string
}

export interface StreamInfo {
  readonly error?: ApiError
  readonly created: string
  /** The server's current time; older servers omit it. */
  readonly ts?: string
  readonly config: {
    readonly description?: string
    readonly subjects: readonly string[]
    readonly retention: string
    readonly num_replicas: number
    readonly max_msgs?: number
    readonly max_bytes?: number
    readonly max_age?: number
    readonly storage: string
  }
  readonly state: { readonly first_seq: number; readonly last_seq: number; readonly bytes: number }
  readonly cluster?: {
    readonly leader?: string
    readonly replicas?: readonly ReplicaInfo[]
  }
}

export interface ReplicaInfo {
  readonly name: string
  readonly current: boolean
  readonly lag?: number
  readonly offline?: boolean
  /** ns since the leader last received something from it; 0 = nothing yet. */
  readonly active?: number
}

export interface PubAck {
  readonly error?: ApiError
  readonly seq?: number
  readonly duplicate?: boolean
}

/** @throws Error if the text is no answer in JSON */
export function objectIn<T extends { readonly error?: ApiError }>(text: string): T {
  const value: unknown = JSON.parse(text)
  const { error = {} } = membersOf(value)
  if (!isObject(value) || !isObject(error)) throw new Error('an answer cannot be read')
  return value as unknown as T
}

/** The acknowledgement of a record; one that cannot be read says nothing. */
export function pubAckOf(text: string): PubAck {
  try {
    return objectIn<PubAck>(text)
  } catch {
    return {}
  }
}

/** @throws EngineError if a member is missing without which the log's extent cannot be told */
export function checkedInfo(info: StreamInfo): StreamInfo {
  const { config, state, cluster, created } = info as { [member in keyof StreamInfo]: unknown }
  const { first_seq, last_seq, bytes } = membersOf(state)
  const { replicas = [] } = membersOf(cluster)
  const isWhole =
    typeof created === 'string' &&
    isObject(config) &&
    typeof (config['description'] ?? '') === 'string' &&
    [first_seq, last_seq, bytes].every((n) => Number.isSafeInteger(n)) &&
    Array.isArray(replicas)
  if (isWhole) return info
  throw new EngineError('AWAY', 'JetStream has described the log in a way that cannot be read')
}

interface Members {
  readonly [name: string]: unknown
}

function membersOf(value: unknown): Members {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

/** JetStream's error codes. */
export const ApiErrorCode = {
  replicasNeedACluster: 10074,
  noPeers: 10005,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  notEnabled: 10076,
  notEnabledForAccount: 10039,
  insufficientResources: 10023,
  storageExceeded: 10047,
  streamStoreFailed: 10077,
} as const

const NANOSECONDS_PER_MS = 1_000_000

/** Prefix of a log's identity in the description of its stream. */
const IDENTITY = 'Log of Leveret '
/**
 * ms from its creation until a stream is trusted: if several nodes create it at once, the last one's stream replaces
 * the others.
 */
const SETTLED_MS = 1500

/**
 * The identity of a log, which the node that created the stream has written into its description. The time of creation
 * cannot identify it: it differs between servers, and after a change of leader.
 */
export function identityOf({ config: { description = '' } }: Pick<StreamInfo, 'config'>): string | undefined {
  return description.startsWith(IDENTITY) ? description.slice(IDENTITY.length) : undefined
}

/** Whether the stream was created just now; another node may be creating it at the same time. */
export function isNew({ created, ts }: StreamInfo): boolean {
  const age = ts === undefined ? Number.POSITIVE_INFINITY : Date.parse(ts) - Date.parse(created)
  return age >= 0 && age < SETTLED_MS
}

/** The stream that holds the log: nothing in it is removed automatically. */
export function streamConfig(name: string, subject: string, replicas: number, identity: string): object {
  return {
    name,
    description: IDENTITY + identity,
    subjects: [subject],
    retention: 'limits',
    discard: 'new',
    storage: 'file',
    num_replicas: replicas,
    // NATS's deduplication by message ID is not used (it loses records when a leader dies).
    duplicate_window: 100 * NANOSECONDS_PER_MS,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_consumers: -1,
    max_msg_size: -1,
  }
}

/** Why an existing stream cannot hold the log; undefined if it can. */
export function unfitStream({ config }: Pick<StreamInfo, 'config'>): string | undefined {
  if (identityOf({ config }) === undefined)
    return 'it does not say which log it is, so it was not made by Leveret; a log needs a name of its own (cluster.name)'
  if (config.retention !== 'limits') return `its retention is ${config.retention}, not limits`
  if (config.storage !== 'file') return `its storage is ${config.storage}, not file`
  if ((config.max_msgs ?? -1) > 0 || (config.max_bytes ?? -1) > 0 || (config.max_age ?? 0) > 0)
    return 'it has limits (max_msgs, max_bytes or max_age), which would remove what nodes still need'
  return undefined
}

/** ms without a message from a server after which it counts as out of reach; one is sent every second. */
const REACHED_MS = 5000

/** A server other than the leader, as the leader sees it. */
export function copyOf({ name, current, lag = 0, offline = false, active = 0 }: ReplicaInfo): LogCopy {
  return { name, current, lag, reached: !offline && active < REACHED_MS * NANOSECONDS_PER_MS }
}

/** A consumer that ends with its subscription, kept in memory, without acknowledgements. */
export function consumerConfig(name: string, deliverTo: string, from: number): object {
  return {
    name,
    deliver_subject: deliverTo,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: from,
    ack_policy: 'none',
    replay_policy: 'instant',
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: 1000 * NANOSECONDS_PER_MS,
    inactive_threshold: 30_000 * NANOSECONDS_PER_MS,
    mem_storage: true,
    num_replicas: 1,
  }
}

/** Stream sequence of a delivered message, taken from the subject to which its acknowledgement would be sent. */
export function sequenceOf(reply: string): number | undefined {
  const tokens = reply.split('.')
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  // Newer servers put domain and account in front.
  const at = tokens.length >= 11 ? 7 : 5
  const sequence = Number(tokens[at])
  return Number.isSafeInteger(sequence) ? sequence : undefined
}

/** Why that release of nats-server must not, or should not, be used; undefined if no problem is known. */
export function versionProblem(
  text: string,
): { readonly refused: boolean; readonly why: string } | undefined {
  const m = /^(\d+)\.(\d+)\.(\d+)/.exec(text)
  if (m === null) return { refused: true, why: `nats-server says that its version is '${text}'` }
  const v = [Number(m[1]), Number(m[2]), Number(m[3])]
  if (isOlder(v, [2, 9, 18]))
    return {
      refused: true,
      why: `nats-server ${text} can lose records when it is restarted: 2.10.23 or newer is needed`,
    }
  if (!isOlder(v, [2, 10, 20]) && isOlder(v, [2, 10, 23]))
    return {
      refused: true,
      why: `nats-server ${text} can lose the log when it is killed: 2.10.23 or newer is needed`,
    }
  if (isOlder(v, [2, 10, 23]))
    return { refused: false, why: `nats-server ${text} is old: 2.10.23 or newer is recommended` }
  return undefined
}
