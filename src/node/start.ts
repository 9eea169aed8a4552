/** Starts a node with the membership that its settings require. */

import type { Membership } from '../cluster/membership.ts'
import type { Settings } from '../config/settings.ts'
import type { Loggers } from '../util/logger.ts'
import { Alone } from './alone.ts'
import { BrokerNode } from './node.ts'

/** @throws StorageError; the listen error (EADDRINUSE ...); the error of a certificate */
export async function startNode(settings: Settings, loggers: Loggers): Promise<BrokerNode> {
  return BrokerNode.start(settings, loggers, await membershipOf(settings))
}

/** The modules of a cluster are loaded only if one is configured. */
async function membershipOf({ cluster, dataDir }: Settings): Promise<Membership> {
  if (cluster === undefined || dataDir === undefined) return new Alone()
  const { clusterOnNats } = await import('../cluster/on-nats.ts')
  return clusterOnNats(cluster, dataDir)
}
