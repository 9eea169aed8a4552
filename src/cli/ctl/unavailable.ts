/** Commands of RabbitMQ that have nothing to do here: each says so in one sentence, and why. */
import { CtlError } from './client.ts'
import { type Command, EXIT_UNAVAILABLE } from './command.ts'

function refused(why: string): Command {
  return {
    usage: '[...]',
    help: `not here: ${why}`,
    args: [0, 100],
    run: async () => {
      throw new CtlError(why, EXIT_UNAVAILABLE)
    },
  }
}

/** What holds in any case. */
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
  "a node is in the cluster that its configuration names (cluster.*); 'cluster' shows and changes the nodes"
const noErlang = 'the broker is a Node.js program, and there is no Erlang in it'
const noMirrors = 'classic queues have no mirrors, as in RabbitMQ 4'

export const unavailable: Readonly<Record<string, Command>> = {
  change_cluster_node_type: refused(byConfiguration),
  join_cluster: refused(byConfiguration),
  forget_cluster_node: refused(byConfiguration),
  rename_cluster_node: refused(byConfiguration),
  update_cluster_nodes: refused(byConfiguration),
  force_standalone_khepri_boot: refused(byConfiguration),
  force_boot: refused('there are no peers that the start would wait for'),
  reset: refused(
    'a running broker does not delete its store: stop it, remove its data folder, and start it again',
  ),
  force_reset: refused(
    'a running broker does not delete its store: stop it, remove its data folder, and start it again',
  ),
  sync_queue: refused(noMirrors),
  cancel_sync_queue: refused(noMirrors),
  eval: refused(noErlang),
  eval_file: refused(noErlang),
  exec: refused(noErlang),
  observer: refused(noErlang),
  remote_shell: refused(noErlang),
  erlang_cookie_hash: refused(
    'there is no cookie: commands reach the broker over a socket in its data folder',
  ),
  erlang_cookie_sources: refused(
    'there is no cookie: commands reach the broker over a socket in its data folder',
  ),
  hipe_compile: refused(noErlang),
  runtime_thread_stats: refused(`${noErlang}; 'top' and the metrics show what the broker does`),
  maybe_stuck: refused(`${noErlang}; 'status' and the metrics show how the broker is`),
  schema_info: refused("there is no database with tables; 'leveret check DIR' looks through a store"),
  consistent_hash_exchange_ring_state: refused(
    'the ring is not kept: POST /api/exchanges/VHOST/EXCHANGE/route says where a message would go',
  ),
  consume_event_stream: refused("events are not kept; 'trace' prints messages, 'log_tail_stream' the log"),
  encode: refused(
    'the configuration takes no encrypted values; keep it in a file that only the broker may read',
  ),
  decode: refused(
    'the configuration takes no encrypted values; keep it in a file that only the broker may read',
  ),
  encrypt_conf_value: refused(
    'the configuration takes no encrypted values; keep it in a file that only the broker may read',
  ),
  list_ciphers: refused('the configuration takes no encrypted values'),
  list_hashes: refused('the configuration takes no encrypted values'),
  resolver_info: refused('names are resolved by the operating system'),
  command_line_arguments: refused("'environment' shows what is in force and where it comes from"),
  enable_auth_attempt_source_tracking: refused('where logins come from is in the log'),
  disable_auth_attempt_source_tracking: refused('where logins come from is in the log'),
  list_vhost_replicas: refused(byConfiguration),
  discover_peers: holds('finds other nodes: none', 'No peers discovered'),
  force_gc: holds('nothing to do: memory is collected as it is needed', 'Nothing to do'),
  reconcile_vhosts: holds('nothing to do: a vhost is wherever the broker is', 'Nothing to do'),
  metadata_store_status: refused("metadata is in the store with everything else; 'status' shows how it is"),
  coordinator_status: refused('streams have no coordinator'),
  restart_stream: refused('a stream runs as long as it is there'),
  set_stream_retention_policy: refused('set a policy with max-age or max-length-bytes'),
  decrypt_conf_value: refused(
    'the configuration takes no encrypted values; keep it in a file that only the broker may read',
  ),
  activate_free_disk_space_monitoring: refused("'set_disk_free_limit' sets the limit; 0 turns it off"),
  deactivate_free_disk_space_monitoring: refused("'set_disk_free_limit' sets the limit; 0 turns it off"),
  remove_classic_queue_mirroring_from_policies: refused(
    'keys of mirroring have no effect; policies stay as they are written',
  ),
  check_if_new_quorum_queue_replicas_have_finished_initial_sync: holds(
    'says whether replicas of queues are being filled: queues have none of their own',
    'All quorum queue replicas have finished their initial sync',
  ),
  restart_vhost: {
    ...holds('nothing to do: a vhost runs as long as it is there', ''),
    run: async (c) => {
      await c.client.get(`vhosts/${encodeURIComponent(c.vhost)}`)
      return { text: `Vhost '${c.vhost}' is already running\n` }
    },
  },
  check_if_node_is_quorum_critical: {
    ...holds('fails where queues would be lost with this node', ''),
    run: async (c) => {
      await c.client.get('health/checks/node-is-quorum-critical')
      return { text: 'Node reported no queues that would lose their quorum\n' }
    },
  },
  check_if_node_is_mirror_sync_critical: holds(
    'says whether mirrors need this node: there are none',
    'Node reported no classic mirrored queues',
  ),
  check_if_cluster_has_classic_queue_mirroring_policy: holds(
    'says whether policies ask for mirrors',
    'Cluster reported no policies that enable classic queue mirroring',
  ),
  check_if_any_deprecated_features_are_used: {
    ...holds('says whether deprecated features are in use', ''),
    run: async (c) => {
      const used = await c.client.get<{ name: string }[]>('deprecated-features/used')
      if (used.length === 0) return { text: 'Cluster reported no deprecated features in use\n' }
      return { text: `Deprecated features in use: ${used.map((f) => f.name).join(', ')}\n` }
    },
  },
}
