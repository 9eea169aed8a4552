/** The parts of HTTP API responses that a migration uses. */
export interface QueueRow {
  readonly vhost: string
  readonly name: string
  readonly type?: string
  readonly auto_delete?: boolean
  readonly exclusive?: boolean
  readonly messages?: number
  readonly messages_ready?: number
  readonly messages_unacknowledged?: number
  readonly message_bytes?: number
  readonly consumers?: number
}

export type Json = { readonly [name: string]: unknown }

/** Definitions in RabbitMQ's format. */
export interface Definitions {
  readonly users: readonly Json[]
  readonly vhosts: readonly Json[]
  readonly permissions: readonly Json[]
  readonly topic_permissions: readonly Json[]
  readonly parameters: readonly Json[]
  readonly global_parameters: readonly Json[]
  readonly policies: readonly Json[]
  readonly queues: readonly Json[]
  readonly exchanges: readonly Json[]
  readonly bindings: readonly Json[]
}

export interface ShovelRow {
  readonly name: string
  readonly vhost: string
  readonly state: string
  readonly timestamp: string
  readonly reason?: string
  readonly blocked_status?: string
  readonly remaining?: number | string
  readonly forwarded?: number
  readonly pending?: number
}
