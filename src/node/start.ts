/** The assembly: which membership a node has. */
import type { Settings } from '../config/settings.ts'
import type { Loggers } from '../util/logger.ts'
import { Alone } from './alone.ts'
import { BrokerNode } from './node.ts'

/** @throws StorageError; the listen error (EADDRINUSE ...); the error of a certificate */
export function startNode(settings: Settings, loggers: Loggers): Promise<BrokerNode> {
  return BrokerNode.start(settings, loggers, new Alone())
}
