/** The parts of HTTP API responses that a migration uses. */
import type { Json } from '../../util/json.ts'
import { checkedList, type Shape } from './shape.ts'

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

/** RabbitMQ omits numbers that its statistics do not have yet. */
export const queueShape: Shape = {
  vhost: 'string',
  name: 'string',
  type: 'string?',
  auto_delete: 'boolean?',
  exclusive: 'boolean?',
  messages: 'number?',
  messages_ready: 'number?',
  messages_unacknowledged: 'number?',
  message_bytes: 'number?',
  consumers: 'number?',
}

export interface Named {
  readonly name: string
}

export const namedShape: Shape = { name: 'string' }

const inVhost: Shape = { vhost: 'string' }
const namedInVhost: Shape = { vhost: 'string', name: 'string' }

/** The members of a definitions file that are lists. */
const definitionShapes = {
  users: namedShape,
  vhosts: namedShape,
  permissions: { ...inVhost, user: 'string' },
  topic_permissions: inVhost,
  parameters: { ...namedInVhost, component: 'string' },
  global_parameters: namedShape,
  policies: { ...namedInVhost, definition: 'object?' },
  queues: { ...namedInVhost, arguments: 'object?' },
  exchanges: { ...namedInVhost, type: 'string', arguments: 'object?' },
  bindings: { ...inVhost, source: 'string', destination: 'string', destination_type: 'string' },
} as const satisfies Readonly<Record<string, Shape>>

export const definitionLists = Object.keys(definitionShapes) as readonly (keyof typeof definitionShapes)[]

/** Definitions in RabbitMQ's format. */
export type Definitions = { readonly [list in keyof typeof definitionShapes]: readonly Json[] }

/** @throws ShapeError */
export function definitionsIn(all: Json): Definitions {
  const lists = Object.entries(definitionShapes).map(([name, shape]): [string, readonly Json[]] => {
    const list = all[name]
    return [name, list === undefined ? [] : checkedList(list, shape, `"${name}"`)]
  })
  return Object.fromEntries(lists) as Definitions
}

export const permissionShape: Shape = { vhost: 'string', write: 'string', read: 'string' }

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

export const shovelShape: Shape = {
  name: 'string',
  vhost: 'string',
  state: 'string',
  timestamp: 'string',
  reason: 'string?',
  blocked_status: 'string?',
  forwarded: 'number?',
  pending: 'number?',
}
