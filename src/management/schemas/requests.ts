/** Schemas of request bodies. */
import { anything, count, flag, integer, number, request, type Schema, tableOrNothing, text } from './base.ts'

/** Tags are a list or a comma-separated string. */
const tags: Schema = { type: ['string', 'array'], items: text }
const encoding: Schema = { enum: ['string', 'base64'] }
const policy = request(
  { pattern: text, definition: tableOrNothing },
  { priority: integer, 'apply-to': text, vhost: text, name: text },
)

export const requests = {
  VhostRequest: request(
    {},
    {
      description: text,
      tags,
      default_queue_type: { type: ['string', 'null'] },
      tracing: flag,
      metadata: tableOrNothing,
      protected_from_deletion: flag,
    },
  ),
  UserRequest: request(
    {},
    {
      tags,
      password: text,
      password_hash: text,
      hashing_algorithm: text,
      limits: tableOrNothing,
      leveret_password_hash: text,
    },
  ),
  UserNames: request({ users: { type: 'array', items: text } }),
  UserTags: request({ user: text, tags }),
  PermissionRequest: request({ configure: text, write: text, read: text }),
  TopicPermissionRequest: request({ exchange: text, write: text, read: text }),
  LimitRequest: request({ value: { type: 'integer' } }),
  QueueRequest: request(
    {},
    {
      durable: flag,
      auto_delete: flag,
      exclusive: flag,
      type: anything,
      arguments: tableOrNothing,
      node: anything,
    },
  ),
  QueueAction: request({ action: { enum: ['sync', 'cancel_sync'] } }),
  GetRequest: request(
    {
      ackmode: {
        enum: ['ack_requeue_true', 'ack_requeue_false', 'reject_requeue_true', 'reject_requeue_false'],
      },
      count: integer,
      encoding: { enum: ['auto', 'base64'] },
    },
    { truncate: integer },
  ),
  RedriveRequest: request(
    {},
    {
      rate: { ...number, exclusiveMinimum: 0, description: 'messages a second' },
      limit: { ...count, description: 'messages at most' },
      message: { ...count, description: 'only that message: its number, as peek shows it' },
      from: { ...text, description: 'only what came from that queue' },
      reason: { ...text, description: 'only what died of that: rejected, expired, maxlen, delivery_limit' },
    },
  ),
  ExchangeRequest: request(
    {},
    { type: text, durable: flag, auto_delete: flag, internal: flag, arguments: tableOrNothing },
  ),
  PublishRequest: request({
    routing_key: text,
    properties: tableOrNothing,
    payload: text,
    payload_encoding: encoding,
  }),
  RouteRequest: request({}, { routing_key: text, properties: tableOrNothing }),
  BindingRequest: request({}, { routing_key: text, arguments: tableOrNothing }),
  PolicyRequest: policy,
  ParameterRequest: request({ value: anything }),
  NameRequest: request({ name: text }),
  PasswordRequest: request({ password: text }),
  NodeLimits: request({}, { memory: { ...number, minimum: 0 }, disk: { ...number, minimum: 0 } }),
  LogLevel: request({ level: text }, { category: text }),
  ReplicaRequest: request({}, { node: text }),
  GrowRequest: request({ vhost_pattern: text, queue_pattern: text, strategy: text }),
  BackupRequest: request({ path: text }),
  EmptyRequest: request({}),
  DefinitionsRequest: { type: 'object' } satisfies Schema,
} as const
