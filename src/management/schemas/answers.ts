/** Schemas of the answers; a test checks the broker's answers against them. */
import { severities } from '../diagnosis.ts'
import {
  anything,
  count,
  list,
  merged,
  object,
  octets,
  orNull,
  rated,
  ref,
  type Schema,
  table,
  text,
  textOrNull,
  texts,
  time,
  yesNo,
} from './base.ts'
import { clients } from './clients.ts'
import { nodes } from './nodes.ts'
import { deliveries, lengths, ofKind, queueProperties } from './queues.ts'
import { shovel } from './shovels.ts'

const limit = object(
  { status: text },
  {
    reason: text,
    port: count,
    protocol: text,
    missing: { type: ['string', 'number'] },
    ports: list(count),
    protocols: texts,
    alarms: list(object({ node: text, resource: text })),
    expired: list(anything),
  },
)
const feature = { name: text, desc: text, doc_url: text, provided_by: text }

const exchangeProperties = {
  name: text,
  vhost: text,
  type: text,
  durable: yesNo,
  auto_delete: yesNo,
  internal: yesNo,
  arguments: table,
  policy: textOrNull,
  user_who_performed_action: text,
  message_stats: rated('publish_in', 'publish_out'),
}

const message = {
  payload: text,
  payload_bytes: count,
  payload_encoding: { enum: ['string', 'base64'] },
  properties: table,
  routing_key: text,
  exchange: text,
  redelivered: yesNo,
}

export const answers = {
  /** The reason is a string, or a word and its subject. */
  Error: object({ error: text, reason: { anyOf: [text, list(anything)] } }),
  Status: limit,
  ClusterStatus: table,
  Name: object({ name: text }),
  Nothing: list(anything),
  Whoami: object({ name: text, tags: texts, is_internal_user: yesNo }),
  Auth: object(
    { oauth_enabled: yesNo },
    { oauth_client_id: text, oauth_provider_url: text, oauth_scopes: text },
  ),
  Version: text,
  HashedPassword: object({ ok: text }),
  Configuration: object({ configuration: list(object({ key: text, value: text, origin: text })) }),
  LogLines: object({ file: { type: ['string', 'null'] }, lines: list(text), written: count }),
  FeatureFlag: object({ ...feature, state: text, stability: text }),
  DeprecatedFeature: object({ ...feature, deprecation_phase: text }),
  LoginAttempts: object({
    protocol: text,
    auth_attempts: count,
    auth_attempts_failed: count,
    auth_attempts_succeeded: count,
  }),
  NodeMemory: object({ memory: table }),
  NoTables: object({ ets_tables_memory: text }),
  Replica: table,
  ...nodes,
  Vhost: merged(
    object({
      name: text,
      description: text,
      tags: texts,
      default_queue_type: text,
      metadata: table,
      tracing: yesNo,
      protected_from_deletion: yesNo,
      cluster_state: table,
      message_stats: rated('publish', 'confirm', 'return_unroutable', 'drop_unroutable', ...deliveries),
    }),
    lengths,
    octets,
  ),
  VhostLimits: object({ vhost: text, value: table }),
  User: object({ name: text, password_hash: text, hashing_algorithm: text, tags: texts, limits: table }),
  Authenticated: object({ authenticated: yesNo }),
  UserLimits: object({ user: text, value: table }),
  Permission: object({ user: text, vhost: text, configure: text, write: text, read: text }),
  TopicPermission: object({ user: text, vhost: text, exchange: text, write: text, read: text }),
  Queue: object(queueProperties, ofKind),
  QueueDetails: object(
    {
      ...queueProperties,
      consumer_details: list(ref('Consumer')),
      incoming: list(anything),
      deliveries: list(anything),
    },
    ofKind,
  ),
  Message: object({ ...message, message_count: count }),
  PeekedMessage: object(
    {
      ...message,
      position: count,
      number: count,
      state: { enum: ['ready', 'unacked'] },
      arrived_at: orNull(time),
      age: { ...count, description: 'seconds' },
    },
    {
      held_by: orNull(
        object({
          channel: text,
          connection: text,
          user: text,
          delivery_tag: count,
          consumer_tag: textOrNull,
          since: time,
        }),
      ),
    },
  ),
  Diagnosis: object({
    vhost: text,
    queue: text,
    findings: list(
      object(
        { code: text, severity: { enum: severities }, sentence: text },
        { connection: text, since: time },
      ),
    ),
  }),
  Tail: object({
    messages: list(
      object({
        ...message,
        event: { enum: ['published', 'delivered'] },
        at: time,
        queues: texts,
        connection: text,
        channel: count,
        user: text,
      }),
    ),
    reason: { enum: ['limit', 'time', 'gone', 'rights'] },
    missed: count,
  }),
  Trial: object({
    routed: yesNo,
    queues: list(object({ name: text, via: texts })),
    notes: texts,
  }),
  Redriven: object({ moved: count, skipped: count }),
  Exchange: object(exchangeProperties),
  ExchangeDetails: object({ ...exchangeProperties, incoming: list(anything), outgoing: list(anything) }),
  Routed: object({ routed: yesNo }),
  Binding: object({
    source: text,
    vhost: text,
    destination: text,
    destination_type: { enum: ['queue', 'exchange'] },
    routing_key: text,
    arguments: table,
    properties_key: text,
  }),
  Policy: object(
    {
      vhost: text,
      name: text,
      pattern: text,
      'apply-to': text,
      definition: table,
      priority: { type: 'integer' },
    },
    { warning: { ...text, description: 'why it is left out for some name, where that is so' } },
  ),
  Shovel: shovel,
  Parameter: object({ vhost: text, component: text, name: text, value: anything }),
  GlobalParameter: object({ name: text, value: anything }),
  ...clients,
  ParkedMessage: object({
    vhost: text,
    queue: text,
    number: count,
    during: text,
    reason: text,
    parked_at: count,
  }),
  QuarantinedObject: object({ kind: text, vhost: text, name: text, reason: text, key: text }),
  Released: object({ released: count }),
  Definitions: {
    type: 'object',
    required: ['rabbitmq_definition_format', 'queues', 'exchanges', 'bindings'],
  },
} as const satisfies Record<string, Schema>
