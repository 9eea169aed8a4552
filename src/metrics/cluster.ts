/** Metrics of a cluster, exported by each of its nodes. */
import type { ManagedNode } from '../management/managed-node.ts'
import { type Family, labels } from './text.ts'

export function clusterFamilies({ cluster }: ManagedNode): Family[] {
  if (cluster === undefined) return []
  const { node, nodes, epoch, takeovers, relayed, log, engine, active } = cluster.status()
  const one = (name: string, type: Family['type'], help: string, value: number): Family => ({
    name: `leveret_cluster_${name}`,
    type,
    help,
    samples: [{ value }],
  })
  const each = (name: string, help: string, value: (n: (typeof nodes)[number]) => number): Family => ({
    name: `leveret_cluster_${name}`,
    type: 'gauge',
    help,
    samples: nodes.map((n) => ({ labels: labels({ node: n.name }), value: value(n) })),
  })
  return [
    one('active', 'gauge', 'Whether this node has the broker', active === node ? 1 : 0),
    one('epoch', 'gauge', 'The current epoch of the log', epoch),
    one('takeovers_total', 'counter', 'Times that a node has taken over', takeovers),
    one('relayed_clients', 'gauge', 'Clients that this node passes on to the active one', relayed),
    one('log_bytes', 'gauge', 'Octets of the replicated log on one server', log.bytes),
    one('log_records', 'gauge', 'Records of the replicated log', Math.max(0, log.last - log.first + 1)),
    one('engine_connected', 'gauge', 'Whether NATS can be reached', engine.connected ? 1 : 0),
    one(
      'engine_round_trip_seconds',
      'gauge',
      'From the append of the last batch until it was read back',
      engine.round_trip_ms / 1000,
    ),
    each('node_up', 'Whether the node can be heard', (n) => (n.running ? 1 : 0)),
    each('node_lag_records', 'Batches that the node has not and the active one has', (n) => n.lag_records),
    each('node_lag_seconds', 'For how long that has been so', (n) => n.lag_seconds),
  ]
}
