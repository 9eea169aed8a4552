/**
 * Broker objects as the HTTP API shows them (behaviour.md section 19). Numbers are always present, because tools expect
 * them.
 */
import { keysWithoutEffect } from '../broker/arguments/validation.ts'
import type { Binding, Exchange } from '../broker/exchange/exchange.ts'
import type { PolicyInfo } from '../broker/policy/policy.ts'
import type { InspectedQueue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Channel } from '../channel/channel.ts'
import type { Client } from '../channel/client.ts'
import type { ChannelConsumer } from '../channel/consumer.ts'
import type { Connection } from '../connection/connection.ts'
import * as brief from '../definitions/shapes.ts'
import { tableJson } from '../definitions/shapes.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { plainAddress } from '../util/address.ts'
import type { Json } from '../util/json.ts'
import { sha256 } from '../util/sha256.ts'
import { withoutPasswords } from '../util/without-passwords.ts'
import type { ManagedNode } from './managed-node.ts'
import { garbageCollectionJson } from './node-numbers.ts'
import { headTimestamp, queueNumbers } from './queue-numbers.ts'
import type { Statistics } from './statistics.ts'

/** Arguments as answers show them, without the passwords in URIs; only an export of definitions includes those. */
function shown(args: FieldTable): Json {
  return args.entries.length === 0 ? {} : (withoutPasswords(tableJson(args)) as Json)
}

export function queueJson(s: Statistics, vhost: Vhost, q: InspectedQueue): Json {
  const n = queueNumbers(q)
  const { consumers } = q.counts
  const { policy, operator } = q.policies
  const node = s.node.nodeName
  const now = s.node.clock.now()
  const exclusiveTag = q.hasExclusiveConsumer ? [...q.consumerList].find((c) => c.exclusive)?.tag : undefined
  // Does not begin with a spread: V8 then takes ten times as long to create an object with so many members.
  return {
    name: q.name,
    vhost: vhost.name,
    type: q.kind.name,
    durable: q.durable,
    auto_delete: q.autoDelete,
    exclusive: q.exclusive,
    arguments: shown(q.arguments),
    node,
    state: 'running',
    idle_since: s.idleSince(q),
    policy: policy?.name ?? null,
    operator_policy: operator?.name ?? null,
    effective_policy_definition: withoutPasswords({ ...policy?.definition, ...operator?.definition }),
    consumers,
    consumer_capacity: consumers > 0 ? 1 : 0,
    consumer_utilisation: consumers > 0 ? 1 : 0,
    exclusive_consumer_tag: exclusiveTag ?? null,
    single_active_consumer_tag: q.activeConsumer?.tag ?? null,
    owner_pid_details: ownerOf(q),
    ...s.lengths(q),
    message_bytes: n.bytes,
    message_bytes_ready: q.bytes.ready,
    message_bytes_unacknowledged: q.bytes.unacked,
    message_bytes_ram: n.ramBytes,
    message_bytes_persistent: n.persistentBytes,
    message_bytes_paged_out: n.pagedOutBytes,
    messages_ram: n.ram,
    messages_ready_ram: n.readyRam,
    messages_unacknowledged_ram: n.unackedRam,
    messages_persistent: n.persistent,
    messages_paged_out: n.pagedOut,
    memory: n.memory,
    garbage_collection: garbageCollectionJson(),
    head_message_timestamp: headTimestamp(q),
    head_message_age: q.headArrivedAt === 0 ? null : Math.max(0, Math.floor((now - q.headArrivedAt) / 1000)),
    message_stats: s.ofQueue(q),
    ...kindJson(s, q),
  }
}

/** A queue without statistics, or with its lengths only. */
export function bareQueueJson(node: string, vhost: Vhost, q: InspectedQueue, totals: boolean): Json {
  const { ready, unacked } = q.counts
  const { policy } = q.policies
  return {
    name: q.name,
    vhost: vhost.name,
    type: q.kind.name,
    durable: q.durable,
    auto_delete: q.autoDelete,
    exclusive: q.exclusive,
    arguments: tableJson(q.arguments),
    node,
    state: 'running',
    ...(policy === undefined ? {} : { policy: policy.name }),
    ...(q.kind.transient ? {} : { leader: node, members: [node], online: [node] }),
    ...(totals ? { messages: ready + unacked, messages_ready: ready, messages_unacknowledged: unacked } : {}),
  }
}

/** Members that only some types of queues have. */
function kindJson(s: Statistics, q: InspectedQueue): Json {
  const node = s.node.nodeName
  if (q.kind.transient)
    return {
      storage_version: 2,
      backing_queue_status: backingQueueJson(s, q),
      slave_nodes: [],
      synchronised_slave_nodes: [],
      recoverable_slaves: null,
    }
  const replicas = { leader: node, members: [node], online: [node], open_files: { [node]: 0 } }
  if (q.kind.positions) return { ...replicas, readers: { [node]: q.counts.consumers } }
  return {
    ...replicas,
    delivery_limit: q.settings.deliveryLimit ?? -1,
    messages_dlx: 0,
    message_bytes_dlx: 0,
    messages_ready_high: 0,
    messages_ready_normal: q.counts.ready,
    messages_ready_returned: 0,
    publishers: 0,
    single_active_consumer_ctag: q.activeConsumer?.tag ?? null,
  }
}

/** In the format of RabbitMQ 3.x: some monitoring tools read rates from it. */
function backingQueueJson(s: Statistics, q: InspectedQueue): Json {
  const rate = (...names: string[]): number => s.rateOf(q, names)
  return {
    mode: 'default',
    version: 2,
    len: q.counts.ready,
    next_seq_id: q.counters.published,
    avg_ingress_rate: rate('published'),
    avg_egress_rate: rate('delivered', 'deliveredNoAck', 'got', 'gotNoAck'),
    avg_ack_ingress_rate: rate('delivered', 'got'),
    avg_ack_egress_rate: rate('acknowledged'),
  }
}

function ownerOf(q: InspectedQueue): Json | null {
  const owner = q.owner as Connection | undefined
  if (owner?.peer === undefined) return null
  return { name: owner.name, peer_host: owner.peer.address, peer_port: owner.peer.port }
}

/** @param s undefined: without statistics */
export function exchangeJson(s: Statistics | undefined, vhost: Vhost, x: Exchange): Json {
  return {
    ...brief.exchangeJson(x),
    arguments: shown(x.arguments),
    vhost: vhost.name,
    policy: x.policies.policy?.name ?? null,
    ...(s === undefined ? {} : { user_who_performed_action: x.declaredBy, message_stats: s.ofExchange(x) }),
  }
}

/** Quotes keys in URLs as RabbitMQ does: like form encoding, except for the tilde. */
export function quoted(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}

/** Of 72 bits. */
const ARGUMENTS_HASH_CHARS = 12

/** `~` for an empty key without arguments, otherwise the quoted key and a hash of the arguments. */
export function propertiesKey(routingKey: string, args: FieldTable): string {
  const key = quoted(routingKey).replaceAll('~', '%7E')
  if (args.entries.length === 0) return routingKey === '' ? '~' : key
  return `${key}~${sha256(args.bytes, 'base64url').slice(0, ARGUMENTS_HASH_CHARS)}`
}

export function bindingJson(vhost: Vhost, b: Binding): Json {
  return {
    ...brief.bindingJson(b),
    arguments: shown(b.arguments),
    vhost: vhost.name,
    properties_key: propertiesKey(b.routingKey, b.arguments),
  }
}

/** Every queue is bound to the default exchange by its name. */
export function implicitBindingJson(vhost: Vhost, q: InspectedQueue): Json {
  return {
    source: '',
    vhost: vhost.name,
    destination: q.name,
    destination_type: 'queue',
    routing_key: q.name,
    arguments: {},
    properties_key: propertiesKey(q.name, FieldTable.empty),
  }
}

/** A connection without statistics and other members that have to be collected. */
export function bareConnectionJson(node: string, { name, caller }: Connection): Json {
  return { name, vhost: caller?.vhost.name ?? '', user: caller?.user ?? '', node }
}

export function connectionJson(s: Statistics, c: Connection): Json {
  const given = c.clientProperties === undefined ? {} : tableJson(c.clientProperties)
  const properties = withoutPasswords(given) as Json
  return {
    name: c.name,
    user: c.caller?.user ?? '',
    vhost: c.caller?.vhost.name ?? '',
    node: s.node.nodeName,
    state: c.blocked ? 'blocked' : c.state === 'open' ? 'running' : c.state,
    type: 'network',
    protocol: 'AMQP 0-9-1',
    channels: c.channels.size,
    channel_max: c.channelMax,
    frame_max: c.frameBytesMax,
    timeout: c.heartbeat?.seconds ?? 0,
    auth_mechanism: c.mechanism,
    ssl: c.tls !== undefined,
    peer_host: c.peer.address,
    peer_port: c.peer.port,
    host: plainAddress(c.socket.localAddress),
    port: c.socket.localPort ?? 0,
    client_properties: properties,
    user_provided_name: properties['connection_name'] ?? null,
    connected_at: c.connectedAt,
    ...s.ofConnection(c),
    recv_cnt: c.intake.chunks,
    send_cnt: c.output.writes,
    send_pend: c.output.waiting,
    garbage_collection: garbageCollectionJson(),
    ...tlsJson(c),
    user_who_performed_action: c.caller?.user ?? '',
  }
}

/** The TLS members of a connection; null without TLS, or without a client certificate. */
function tlsJson({ tls }: Connection): Json {
  const cipher = tls?.getCipher()
  const certificate = tls?.getPeerCertificate()
  const names = (who: object | undefined): string | null =>
    who === undefined
      ? null
      : Object.entries(who)
          .map(([k, v]) => `${k}=${v}`)
          .join(',')
  return {
    ssl_protocol: tls?.getProtocol() ?? null,
    ssl_key_exchange: cipher === undefined ? null : cipher.standardName.replace(/_WITH_.*|^TLS_/g, ''),
    ssl_cipher: cipher?.name ?? null,
    ssl_hash: cipher === undefined ? null : (/SHA\d*$/.exec(cipher.standardName)?.[0].toLowerCase() ?? null),
    peer_cert_subject: names(certificate?.subject),
    peer_cert_issuer: names(certificate?.issuer),
    peer_cert_validity:
      certificate?.valid_from === undefined ? null : `${certificate.valid_from} - ${certificate.valid_to}`,
  }
}

export function connectionDetails(c: Client): Json {
  return { name: c.name, peer_host: c.peer.address, peer_port: c.peer.port }
}

export function channelName(ch: Channel): string {
  return `${ch.client.name} (${ch.number})`
}

export function channelJson(s: Statistics, ch: Channel): Json {
  return {
    name: channelName(ch),
    number: ch.number,
    connection_details: connectionDetails(ch.client),
    node: s.node.nodeName,
    user: ch.caller.user,
    vhost: ch.caller.vhost.name,
    state: 'running',
    idle_since: s.idleSince(ch),
    consumer_count: ch.consumers.size,
    messages_unacknowledged: ch.unsettled.count,
    messages_unconfirmed: ch.confirms?.open ?? 0,
    messages_uncommitted: ch.transaction?.publishes.length ?? 0,
    acks_uncommitted: ch.transaction?.settles.length ?? 0,
    prefetch_count: ch.prefetch,
    global_prefetch_count: ch.sharedPrefetch,
    confirm: ch.confirms !== undefined,
    transactional: ch.transaction !== undefined,
    user_who_performed_action: ch.caller.user,
    message_stats: s.ofChannel(ch),
    pending_raft_commands: 0,
    garbage_collection: garbageCollectionJson(),
  }
}

export function consumerJson(node: ManagedNode, c: ChannelConsumer): Json {
  const { channel, queue } = c
  const single = queue.settings.singleActiveConsumer
  const active = !single || queue.activeConsumer === c
  return {
    consumer_tag: c.tag,
    queue: { name: queue.name, vhost: channel.caller.vhost.name },
    channel_details: {
      ...connectionDetails(channel.client),
      node: node.nodeName,
      connection_name: channel.client.name,
      name: channelName(channel),
      number: channel.number,
      user: channel.caller.user,
    },
    ack_required: !c.noAck,
    exclusive: c.exclusive,
    prefetch_count: c.prefetch,
    arguments: shown(c.arguments),
    active,
    activity_status: single ? (active ? 'single_active' : 'waiting') : 'up',
    consumer_timeout: queue.settings.consumerTimeout,
  }
}

/** The keys of a policy that belong to unsupported features; undefined if there are none. */
export function withoutEffect({ definition }: PolicyInfo): string | undefined {
  const keys = keysWithoutEffect(definition)
  return keys.length === 0 ? undefined : `${keys.join(', ')}: kept, without effect`
}

export function policyJson(vhost: Vhost, p: PolicyInfo): Json {
  const { user, operator } = vhost.policies
  const undecided = (user.get(p.name) === p ? user : operator).warning(p.name)
  const warnings = [undecided, withoutEffect(p)].filter((w) => w !== undefined)
  const warning = warnings.length === 0 ? {} : { warning: warnings.join('; ') }
  return { vhost: vhost.name, ...(withoutPasswords(brief.policyJson(p)) as Json), ...warning }
}

export function vhostJson(s: Statistics, v: Vhost, withoutNumbers = false): Json {
  const { defaultQueueType: own } = v.info
  // If the vhost has no default of its own, the node's is shown, as in RabbitMQ 4.
  const type = own === 'undefined' ? s.node.settings.defaultQueueType : own
  return {
    name: v.name,
    description: v.info.description,
    tags: v.info.tags,
    default_queue_type: type,
    metadata: { description: v.info.description, tags: v.info.tags, default_queue_type: type },
    tracing: v.tracers.hasFirehose,
    protected_from_deletion: v.info.protected,
    cluster_state: { [s.node.nodeName]: 'running' },
    ...(withoutNumbers ? {} : { ...s.lengthsOfVhost(v), ...s.octetsOfVhost(v), message_stats: s.ofVhost(v) }),
  }
}
