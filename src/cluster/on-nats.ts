/** A node with NATS as its engine and a folder as its store: this is what the command line starts. */

import type { ClusterSettings } from '../config/cluster-settings.ts'
import { systemClock } from '../util/clock.ts'
import { ClusterMembership, endProcess } from './cluster-membership.ts'
import { LmdbStores } from './lmdb-stores.ts'
import { NatsEngine } from './nats-engine.ts'

export function clusterOnNats(settings: ClusterSettings, dir: string): ClusterMembership {
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
