/** The parts of the HTTP API's answers that the page uses; `/api/openapi.json` describes all of them. */

export interface Sample {
  readonly sample: number
  /** ms since 1970 */
  readonly timestamp: number
}

export interface Details {
  readonly rate: number
  /** Newest first; present if the query asked for them. */
  readonly samples?: readonly Sample[]
}

/** Counters, each with `NAME_details`. */
export type Stats = Readonly<Record<string, number | Details | undefined>>

export function rateOf(stats: Stats | undefined, name: string): number {
  const details = stats?.[`${name}_details`]
  return typeof details === 'object' ? details.rate : 0
}

export function countOf(stats: Stats | undefined, name: string): number {
  const n = stats?.[name]
  return typeof n === 'number' ? n : 0
}

export type Table = Readonly<Record<string, unknown>>

export interface Overview {
  readonly leveret_version: string
  readonly rabbitmq_version: string
  readonly cluster_name: string
  readonly node: string
  readonly exchange_types: readonly { name: string }[]
  readonly listeners: readonly { protocol: string; ip_address: string; port: number }[]
  readonly queue_totals: Stats
  readonly object_totals: {
    channels: number
    connections: number
    consumers: number
    exchanges: number
    queues: number
  }
  readonly message_stats: Stats
  readonly churn_rates: Stats
}

export interface Node {
  readonly name: string
  readonly uptime: number
  readonly mem_used: number
  readonly mem_limit: number
  readonly mem_alarm: boolean
  readonly disk_free: number
  readonly disk_free_limit: number
  readonly disk_free_alarm: boolean
  readonly fd_used: number
  readonly fd_total: number
  readonly sockets_used: number
  readonly store_damaged: number
  readonly processors: number
  readonly event_loop_lag_us?: number
}

export interface Queue {
  readonly name: string
  readonly vhost: string
  readonly type: string
  readonly durable: boolean
  readonly auto_delete: boolean
  readonly exclusive: boolean
  readonly arguments: Table
  readonly policy: string | null
  readonly operator_policy: string | null
  readonly effective_policy_definition: Table
  readonly consumers: number
  readonly messages: number
  readonly messages_ready: number
  readonly messages_unacknowledged: number
  readonly message_bytes: number
  readonly memory: number
  readonly head_message_age: number | null
  readonly idle_since: string | null
  readonly message_stats?: Stats
  readonly messages_details?: Details
  readonly owner_pid_details?: { name: string } | null
  readonly consumer_details?: readonly Consumer[]
  readonly single_active_consumer_tag?: string | null
}

export interface Consumer {
  readonly consumer_tag: string
  readonly queue: { name: string; vhost: string }
  readonly channel_details: {
    name: string
    connection_name: string
    user: string
    peer_host: string
    number: number
  }
  readonly ack_required: boolean
  readonly exclusive: boolean
  readonly prefetch_count: number
  readonly arguments: Table
  readonly active: boolean
  readonly activity_status: string
}

export interface Exchange {
  readonly name: string
  readonly vhost: string
  readonly type: string
  readonly durable: boolean
  readonly auto_delete: boolean
  readonly internal: boolean
  readonly arguments: Table
  readonly policy: string | null
  readonly message_stats: Stats
}

export interface Binding {
  readonly source: string
  readonly vhost: string
  readonly destination: string
  readonly destination_type: 'queue' | 'exchange'
  readonly routing_key: string
  readonly arguments: Table
  readonly properties_key: string
}

export interface Connection {
  readonly name: string
  readonly user: string
  readonly vhost: string
  readonly state: string
  readonly protocol: string
  readonly channels: number
  readonly ssl: boolean
  readonly auth_mechanism: string
  readonly peer_host: string
  readonly peer_port: number
  readonly host: string
  readonly port: number
  readonly timeout: number
  readonly frame_max: number
  readonly channel_max: number
  readonly client_properties: Table
  readonly user_provided_name: string | null
  readonly connected_at: number
  readonly recv_oct: number
  readonly send_oct: number
  readonly recv_oct_details: Details
  readonly send_oct_details: Details
}

export interface Channel {
  readonly name: string
  readonly number: number
  readonly connection_details: { name: string }
  readonly user: string
  readonly vhost: string
  readonly state: string
  readonly consumer_count: number
  readonly messages_unacknowledged: number
  readonly messages_unconfirmed: number
  readonly messages_uncommitted: number
  readonly prefetch_count: number
  readonly global_prefetch_count: number
  readonly confirm: boolean
  readonly transactional: boolean
  readonly message_stats: Stats
  readonly consumer_details?: readonly Consumer[]
}

export interface Message {
  readonly payload: string
  readonly payload_bytes: number
  readonly payload_encoding: 'string' | 'base64'
  readonly properties: Table & { readonly headers?: Table }
  readonly routing_key: string
  readonly exchange: string
  readonly redelivered: boolean
  readonly position?: number
  readonly number?: number
  readonly state?: 'ready' | 'unacked'
  readonly arrived_at?: number | null
  readonly age?: number
  readonly held_by?: { channel: string; connection: string; user: string; since: number } | null
  readonly unreadable?: string
}

export interface Vhost {
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly default_queue_type: string
  readonly tracing: boolean
  readonly protected_from_deletion: boolean
  readonly messages: number
  readonly messages_ready: number
  readonly messages_unacknowledged: number
  readonly message_stats: Stats
}

export interface User {
  readonly name: string
  readonly tags: readonly string[]
  readonly limits: Table
}

export interface Permission {
  readonly user: string
  readonly vhost: string
  readonly configure: string
  readonly write: string
  readonly read: string
}

export interface TopicPermission {
  readonly user: string
  readonly vhost: string
  readonly exchange: string
  readonly write: string
  readonly read: string
}

export interface Policy {
  readonly vhost: string
  readonly name: string
  readonly pattern: string
  readonly 'apply-to': string
  readonly definition: Table
  readonly priority: number
  readonly warning?: string
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly filtered_count: number
  readonly total_count: number
  readonly page: number
  readonly page_count: number
}
