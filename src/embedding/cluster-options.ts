/** Validates the options of `createCluster`. */
import { type BrokerOptions, checkOptions, OptionError } from './options.ts'

export interface ClusterOptions
  extends Omit<BrokerOptions, 'port' | 'managementPort' | 'metricsPort' | 'storage' | 'dataDir'> {
  /** The number of nodes, called node-1, node-2 and so on, or their names. Default 3. */
  readonly nodes?: number | readonly string[]
  /** Starts an HTTP API for each node, on a free port. */
  readonly management?: boolean
  /**
   * ms without a sign of life from the active node after which another node takes over. Default 1000, as in a real
   * cluster.
   */
  readonly failoverAfter?: number
}

const NODES_MAX = 16
const FAILOVER_MS_MIN = 200
const FAILOVER_MS_MAX = 60_000
const NAME = /^[A-Za-z0-9_-]{1,64}$/

/** @throws OptionError */
export function checkClusterOptions(given: ClusterOptions): void {
  const { nodes, management, failoverAfter, ...more } = given
  for (const key of ['port', 'managementPort', 'metricsPort', 'storage', 'dataDir'])
    if (Object.hasOwn(more, key))
      throw new OptionError(key, `option '${key}' is of one broker; the nodes of a cluster have their own`)
  checkOptions(more)
  if (nodes !== undefined) checkNodes(nodes)
  if (management !== undefined && typeof management !== 'boolean')
    throw new OptionError('management', "option 'management' must be true or false")
  const ms = failoverAfter ?? FAILOVER_MS_MIN
  if (!Number.isInteger(ms) || ms < FAILOVER_MS_MIN || ms > FAILOVER_MS_MAX)
    throw new OptionError(
      'failoverAfter',
      `option 'failoverAfter' must be a whole number of ms, at least ${FAILOVER_MS_MIN} and at most ${FAILOVER_MS_MAX}`,
    )
}

function checkNodes(nodes: unknown): void {
  const wrong = (): OptionError =>
    new OptionError(
      'nodes',
      `option 'nodes' must be a whole number from 1 to ${NODES_MAX}, or as many different names`,
    )
  const count = Array.isArray(nodes) ? nodes.length : nodes
  if (!Number.isInteger(count) || (count as number) < 1 || (count as number) > NODES_MAX) throw wrong()
  if (!Array.isArray(nodes)) return
  for (const n of nodes)
    if (typeof n !== 'string' || !NAME.test(n))
      throw new OptionError('nodes', "option 'nodes': names have letters, digits, - and _, at most 64")
  if (new Set(nodes).size !== nodes.length) throw wrong()
}
