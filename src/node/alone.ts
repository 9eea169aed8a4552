/** The membership of a standalone broker: the broker is open as long as its node. */

import type { BrokerHost, Membership } from '../cluster/membership.ts'
import type { Talkers } from '../connection/talkers.ts'
import { noteEnd, takeEnd } from '../storage/lmdb/folder-end.ts'
import { LmdbStorage } from '../storage/lmdb/lmdb-storage.ts'
import { BriefWrites, processSurroundings } from '../storage/log/brief-writes.ts'
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
  /** Set while a broker is open on it. */
  private folder: string | undefined

  async start(host: BrokerHost): Promise<void> {
    this.host = host
    const logger = host.loggers.other
    this.storage = await openStorage(host, logger)
    this.storage.onDamage?.((damage) =>
      logger.error(
        damage,
        'the data folder is damaged: values that fail their check are skipped and kept aside',
      ),
    )
    await host.openBroker(this.storage)
    if (this.storage.keeps) this.folder = host.settings.dataDir
  }

  async close(): Promise<void> {
    try {
      await this.host?.closeBroker()
      if (this.folder !== undefined) noteEnd(this.folder)
    } finally {
      this.folder = undefined
      await this.storage?.close()
    }
  }
}

function openStorage({ settings, talkers }: BrokerHost, logger: Logger): Promise<Storage> | Storage {
  const { storage, dataDir } = settings
  if (storage === 'memory') return new MemoryStorage()
  if (dataDir === undefined) throw new TypeError("storage 'lmdb' needs a dataDir")
  return openFolder(dataDir, talkers, logger)
}

/** @throws StorageError */
async function openFolder(dir: string, talkers: Talkers, logger: Logger): Promise<Storage> {
  const store = await LmdbStorage.open(dir, { notice: (text) => logger.warn({}, text) })
  const brief = new BriefWrites(processSurroundings((now) => talkers.areFew(now)))
  const openJournal: OpenLog = (from) => Journal.open(folderDisk(dir), from, elapsed, brief)
  const storage = await LoggedStorage.open(store, openJournal, systemClock)
  storage.deliveriesUnknown = !(await takeEnd(dir))
  return storage
}
