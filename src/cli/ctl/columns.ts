/** The columns of the lists: those of RabbitMQ 3.10 and 4.x, and further ones of Leveret's HTTP API. */

const words = (text: string): string[] => text.trim().split(/\s+/)

export const columns = {
  queues: words(`
    name vhost durable auto_delete arguments type state policy operator_policy effective_policy_definition pid
    owner_pid exclusive exclusive_consumer_pid exclusive_consumer_tag messages messages_ready messages_unacknowledged
    messages_ram messages_ready_ram messages_unacknowledged_ram messages_persistent messages_paged_out message_bytes
    message_bytes_ready message_bytes_unacknowledged message_bytes_ram message_bytes_persistent message_bytes_paged_out
    head_message_timestamp disk_reads disk_writes consumers consumer_utilisation consumer_capacity memory idle_since
    single_active_consumer_pid single_active_consumer_tag leader members online slave_pids synchronised_slave_pids
    mirror_pids synchronised_mirror_pids recoverable_slaves garbage_collection message_stats node parked_messages
    owner_pid_details delivery_limit max_length overflow`),
  exchanges: words(
    'name vhost type durable auto_delete internal arguments policy user_who_performed_action message_stats',
  ),
  bindings: words(
    `source_name source_kind destination_name destination_kind routing_key arguments vhost source destination
    destination_type properties_key`,
  ),
  connections: words(`
    pid name user_provided_name node port host peer_port peer_host ssl ssl_protocol ssl_key_exchange ssl_cipher
    ssl_hash peer_cert_subject peer_cert_issuer peer_cert_validity state channels protocol auth_mechanism user vhost
    timeout frame_max channel_max client_properties recv_oct recv_cnt send_oct send_cnt send_pend connected_at type
    container_id reductions garbage_collection user_who_performed_action`),
  channels: words(`
    pid name connection number node user vhost transactional confirm consumer_count messages_unacknowledged
    messages_uncommitted acks_uncommitted messages_unconfirmed prefetch_count global_prefetch_count state idle_since
    connection_details message_stats interceptors reductions garbage_collection user_who_performed_action`),
  consumers: words(
    `queue_name channel_pid consumer_tag ack_required exclusive prefetch_count active activity_status arguments queue
    channel_details consumer_timeout`,
  ),
  parked: words('vhost queue number during reason at'),
  quarantined: words('kind vhost name reason key at'),
  users: words('user tags name limits hashing_algorithm password_hash'),
  vhosts: words(`
    name description tags default_queue_type metadata tracing cluster_state protected_from_deletion messages
    messages_ready messages_unacknowledged recv_oct send_oct limits`),
  permissions: words('user vhost configure write read'),
  topicPermissions: words('user vhost exchange write read'),
  policies: words('vhost name pattern apply-to definition priority'),
  vhostLimits: words('vhost value limits'),
  userLimits: words('user value limits'),
  parameters: words('component name value vhost'),
  globalParameters: words('name value'),
  featureFlags: words('name state stability desc description provided_by doc_url'),
  deprecatedFeatures: words('name desc deprecation_phase provided_by state doc_url'),
} as const satisfies Record<string, readonly string[]>
