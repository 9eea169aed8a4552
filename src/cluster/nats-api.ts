/** The few requests to JetStream that are used, and what they answer (fields as NATS names them). */
import { isOlder } from '../util/version.ts'

export interface ApiError {
  readonly code: number
  readonly err_code?: number
  readonly description?: string
}

export interface StreamInfo {
  readonly error?: ApiError
  readonly created: string
  /** The time at the server; older ones do not say it. */
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
    readonly replicas?: readonly { readonly name: string; readonly current: boolean; readonly lag?: number }[]
  }
}

export interface PubAck {
  readonly error?: ApiError
  readonly seq?: number
  readonly duplicate?: boolean
}

/** JetStream's numbers of errors. */
export const ApiErrorCode = {
  replicasNeedACluster: 10074,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  notEnabled: 10076,
  notEnabledForAccount: 10039,
  insufficientResources: 10023,
  storageExceeded: 10047,
  streamStoreFailed: 10077,
} as const

const NANOSECONDS_PER_MS = 1_000_000

/** What an identity of a log begins with in the description of its stream. */
const IDENTITY = 'Log of Leveret '
/** ms from the making of a stream until it is believed: of nodes that make it at once one comes first, and the last one counts. */
const SETTLED_MS = 1500

/**
 * Which log it is: what the node that made the stream has written there. The time of its making would not do, which is
 * another one on each server, and after a change of leaders.
 */
export function identityOf({ config: { description = '' } }: Pick<StreamInfo, 'config'>): string | undefined {
  return description.startsWith(IDENTITY) ? description.slice(IDENTITY.length) : undefined
}

/** The stream was made just now; another node may be making it at the same time. */
export function isNew({ created, ts }: StreamInfo): boolean {
  const age = ts === undefined ? Number.POSITIVE_INFINITY : Date.parse(ts) - Date.parse(created)
  return age >= 0 && age < SETTLED_MS
}

/** The stream that holds the log: nothing in it goes by itself. */
export function streamConfig(name: string, subject: string, replicas: number, identity: string): object {
  return {
    name,
    description: IDENTITY + identity,
    subjects: [subject],
    retention: 'limits',
    discard: 'new',
    storage: 'file',
    num_replicas: replicas,
    // The identities by which NATS drops duplicates are not used (they lose records when a leader dies).
    duplicate_window: 100 * NANOSECONDS_PER_MS,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_consumers: -1,
    max_msg_size: -1,
  }
}

/** What makes a stream unfit that somebody else has made; undefined where nothing does. */
export function unfitStream({ config }: Pick<StreamInfo, 'config'>): string | undefined {
  if (identityOf({ config }) === undefined)
    return 'it does not say which log it is, so it was not made by Leveret; a log needs a name of its own (cluster.name)'
  if (config.retention !== 'limits') return `its retention is ${config.retention}, not limits`
  if (config.storage !== 'file') return `its storage is ${config.storage}, not file`
  if ((config.max_msgs ?? -1) > 0 || (config.max_bytes ?? -1) > 0 || (config.max_age ?? 0) > 0)
    return 'it has limits (max_msgs, max_bytes or max_age), which would remove what nodes still need'
  return undefined
}

/** A reader that ends with its subscription, in memory, without acknowledgements. */
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

/** Sequence in the stream of a message that was delivered, from the subject that its acknowledgement would have. */
export function sequenceOf(reply: string): number | undefined {
  const tokens = reply.split('.')
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  // Newer servers put domain and account in front.
  const at = tokens.length >= 11 ? 7 : 5
  const sequence = Number(tokens[at])
  return Number.isSafeInteger(sequence) ? sequence : undefined
}

/** Why that release of nats-server may not be used, or should not be; undefined where nothing is known against it. */
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
