/** RabbitMQ's commands that do not apply to Leveret: each prints one sentence that says why. */
import { CtlError } from './client.ts'
import { type Command, EXIT_UNAVAILABLE, existingVhost } from './command.ts'

function refused(why: string): Command {
  return {
    usage: '[...]',
    help: `not available: ${why}`,
    args: [0, 100],
    run: async () => {
      throw new CtlError(why, EXIT_UNAVAILABLE)
    },
  }
}

/** A check that always passes once the broker responds. */
function holds(help: string, text: string): Command {
  return {
    usage: '[...]',
    help,
    args: [0, 100],
    run: async (c) => {
      await c.client.get('whoami')
      return { text: `${text}\n` }
    },
  }
}

const byConfiguration =
  "the configuration (cluster.*) says which cluster a node belongs to; 'cluster' shows and manages the nodes"
const noErlang = 'the broker runs on Node.js, not Erlang'
const noStreamProtocol =
  'the stream protocol is not supported; AMQP clients read streams, and list_consumers and list_queues show them'
const noFederation = 'there is no federation; shovels move messages between brokers'
const onlyAmqp = 'the broker speaks AMQP 0-9-1 only, and list_connections shows all connections'
const noMirrors = 'classic queues have no mirrors, as in RabbitMQ 4'

export const unavailable: Readonly<Record<string, Command>> = {
  change_cluster_node_type: refused(byConfiguration),
  join_cluster: refused(byConfiguration),
  forget_cluster_node: refused(byConfiguration),
  rename_cluster_node: refused(byConfiguration),
  update_cluster_nodes: refused(byConfiguration),
  force_standalone_khepri_boot: refused(byConfiguration),
  force_boot: refused('a node does not wait for peers when it starts'),
  reset: refused(
    'a running broker cannot delete its store; stop it, remove the data folder and start it again',
  ),
  force_reset: refused(
    'a running broker cannot delete its store; stop it, remove the data folder and start it again',
  ),
  list_stream_connections: refused(noStreamProtocol),
  list_stream_consumers: refused(noStreamProtocol),
  list_stream_publishers: refused(noStreamProtocol),
  list_stream_consumer_groups: refused(noStreamProtocol),
  list_stream_group_consumers: refused(noStreamProtocol),
  list_stream_tracking: refused(noStreamProtocol),
  activate_stream_consumer: refused(noStreamProtocol),
  reset_offset: refused(noStreamProtocol),
  add_super_stream: refused(noStreamProtocol),
  delete_super_stream: refused(noStreamProtocol),
  federation_status: refused(noFederation),
  restart_federation_link: refused(noFederation),
  list_amqp10_connections: refused(onlyAmqp),
  list_mqtt_connections: refused(onlyAmqp),
  list_stomp_connections: refused(onlyAmqp),
  list_web_mqtt_connections: refused(onlyAmqp),
  list_web_stomp_connections: refused(onlyAmqp),
  decommission_mqtt_node: refused(onlyAmqp),
  message_size_stats: refused('the metrics rabbitmq_message_size_bytes_* count messages by their sizes'),
  leader_health_check: {
    ...holds('checks whether all queues have a leader; they always do', 'All queues have a leader'),
    options: ['across-all-vhosts'],
  },
  sync_queue: refused(noMirrors),
  cancel_sync_queue: refused(noMirrors),
  eval: refused(noErlang),
  eval_file: refused(noErlang),
  exec: refused(noErlang),
  observer: refused(noErlang),
  remote_shell: refused(noErlang),
  erlang_cookie_hash: refused(
    'there is no cookie; commands reach the broker over a socket in its data folder',
  ),
  erlang_cookie_sources: refused(
    'there is no cookie; commands reach the broker over a socket in its data folder',
  ),
  hipe_compile: refused(noErlang),
  runtime_thread_stats: refused(`${noErlang}; 'top' and the metrics show what the broker does`),
  maybe_stuck: refused(`${noErlang}; 'status' and the metrics show its state`),
  schema_info: refused("the store has no tables; 'leveret check DIR' verifies a data folder"),
  consistent_hash_exchange_ring_state: refused(
    'POST /api/exchanges/VHOST/EXCHANGE/route shows where a message would go',
  ),
  consume_event_stream: refused(
    "there is no event stream; 'trace' prints messages, 'log_tail_stream' the log",
  ),
  encode: refused(
    'encrypted configuration values are not supported; keep the file readable by the broker only',
  ),
  decode: refused(
    'encrypted configuration values are not supported; keep the file readable by the broker only',
  ),
  encrypt_conf_value: refused(
    'encrypted configuration values are not supported; keep the file readable by the broker only',
  ),
  list_ciphers: refused('encrypted configuration values are not supported'),
  list_hashes: refused('encrypted configuration values are not supported'),
  resolver_info: refused('the operating system resolves host names'),
  command_line_arguments: refused("'environment' shows the effective configuration and where it comes from"),
  enable_auth_attempt_source_tracking: refused('the log shows where logins come from'),
  disable_auth_attempt_source_tracking: refused('the log shows where logins come from'),
  list_vhost_replicas: refused(byConfiguration),
  discover_peers: holds('discovers peers: always none', 'No peers discovered'),
  force_gc: holds('does nothing: memory is collected automatically', 'Nothing to do'),
  reconcile_vhosts: holds('does nothing: the active node has every vhost', 'Nothing to do'),
  metadata_store_status: refused("metadata is part of the store; 'status' shows its state"),
  coordinator_status: refused('streams have no coordinator'),
  restart_stream: refused('a stream runs for as long as it exists'),
  set_stream_retention_policy: refused('set a policy with max-age or max-length-bytes'),
  decrypt_conf_value: refused(
    'encrypted configuration values are not supported; keep the file readable by the broker only',
  ),
  activate_free_disk_space_monitoring: refused("'set_disk_free_limit' sets the limit; 0 turns it off"),
  deactivate_free_disk_space_monitoring: refused("'set_disk_free_limit' sets the limit; 0 turns it off"),
  remove_classic_queue_mirroring_from_policies: refused(
    'mirroring keys have no effect, and policies are kept as they are',
  ),
  check_if_new_quorum_queue_replicas_have_finished_initial_sync: holds(
    'checks whether queue replicas are still synchronising; queues have a single replica',
    'All quorum queue replicas have finished their initial sync',
  ),
  restart_vhost: {
    ...holds('does nothing: a vhost runs for as long as it exists', ''),
    run: async (c) => {
      await existingVhost(c)
      return { text: `Vhost '${c.vhost}' is already running\n` }
    },
  },
  check_if_node_is_quorum_critical: {
    ...holds('fails if queues would lose their quorum without this node', ''),
    run: async (c) => {
      await c.client.get('health/checks/node-is-quorum-critical')
      return { text: 'Node reported no queues that would lose their quorum\n' }
    },
  },
  check_if_node_is_mirror_sync_critical: holds(
    'checks whether classic queue mirrors depend on this node; there are no mirrors',
    'Node reported no classic mirrored queues',
  ),
  check_if_cluster_has_classic_queue_mirroring_policy: holds(
    'checks whether a policy configures mirroring',
    'Cluster reported no policies that enable classic queue mirroring',
  ),
  check_if_any_deprecated_features_are_used: {
    ...holds('checks whether deprecated features are in use', ''),
    run: async (c) => {
      const used = await c.client.get<{ name: string }[]>('deprecated-features/used')
      if (used.length === 0) return { text: 'Cluster reported no deprecated features in use\n' }
      throw new CtlError(
        `Cluster reported deprecated features in use: ${used.map((f) => f.name).join(', ')}`,
        EXIT_UNAVAILABLE,
      )
    },
  },
}
