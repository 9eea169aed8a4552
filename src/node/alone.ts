/** The broker on one machine: it is open as long as its node is. */

import type { BrokerHost, Membership } from '../cluster/membership.ts'
import type { Settings } from '../config/settings.ts'
import { LmdbStorage } from '../storage/lmdb/lmdb-storage.ts'
import { Journal } from '../storage/log/journal.ts'
import { folderDisk } from '../storage/log/journal-disk.ts'
import { LoggedStorage, type OpenLog } from '../storage/log/logged-storage.ts'
import { MemoryStorage } from '../storage/memory/memory-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { elapsed } from '../util/timers.ts'

export class Alone implements Membership {
  private host: BrokerHost | undefined
  private storage: Storage | undefined

  async start(host: BrokerHost): Promise<void> {
    this.host = host
    const logger = host.loggers.other
    this.storage = await openStorage(host.settings, logger)
    this.storage.onDamage?.((damage) =>
      logger.error(damage, 'the data folder is damaged: what fails its check is left out and kept aside'),
    )
    await host.openBroker(this.storage)
  }

  async close(): Promise<void> {
    try {
      await this.host?.closeBroker()
    } finally {
      await this.storage?.close()
    }
  }
}

function openStorage({ storage, dataDir }: Settings, logger: Logger): Promise<Storage> | Storage {
  if (storage === 'memory') return new MemoryStorage()
  if (dataDir === undefined) throw new TypeError("storage 'lmdb' needs a dataDir")
  return openFolder(dataDir, logger)
}

/** @throws StorageError */
async function openFolder(dir: string, logger: Logger): Promise<Storage> {
  const store = await LmdbStorage.open(dir, { notice: (text) => logger.warn({}, text) })
  const openJournal: OpenLog = (from) => Journal.open(folderDisk(dir), from, elapsed)
  return LoggedStorage.open(store, openJournal, systemClock)
}
