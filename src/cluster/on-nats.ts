/** A node with NATS as its engine and a folder as its store: this is what the command line starts. */

import type { ClusterSettings } from '../config/cluster-settings.ts'
import { makeFolder } from '../storage/lmdb/folder.ts'
import { systemClock } from '../util/clock.ts'
import { ClusterMembership, endProcess } from './cluster-membership.ts'
import { LmdbStores } from './lmdb-stores.ts'
import { NatsEngine } from './nats-engine.ts'

/** @throws StorageError UNREADABLE for a folder that cannot be used */
export function clusterOnNats(settings: ClusterSettings, dir: string): ClusterMembership {
  // The store is opened once NATS answers; the socket for commands is in the folder from the start.
  makeFolder(dir)
  const { name, node, engine } = settings
  return new ClusterMembership(settings, {
    openEngine: (clock, logger, signal) =>
      NatsEngine.open({ ...engine, cluster: name, node }, clock, logger, signal),
    stores: (logger) =>
      new LmdbStores({
        dir,
        clock: systemClock,
        notice: (text) => logger.warn({}, text),
        damaged: (damage) =>
          logger.error(
            damage,
            'the data folder is damaged: values that fail their check are skipped and kept aside',
          ),
      }),
    fatal: endProcess,
  })
}
