/** The parts of HTTP API responses that a migration uses. */
import type { Json } from '../../util/json.ts'

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

/** The members of a definitions file that are lists. */
export const definitionLists = [
  'users',
  'vhosts',
  'permissions',
  'topic_permissions',
  'parameters',
  'global_parameters',
  'policies',
  'queues',
  'exchanges',
  'bindings',
] as const

/** Definitions in RabbitMQ's format. */
export type Definitions = { readonly [list in (typeof definitionLists)[number]]: readonly Json[] }

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
