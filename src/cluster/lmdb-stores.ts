/** A node's store in its data folder, and how a copy of another node's store replaces it. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { dataFile, markFolder } from '../storage/lmdb/folder.ts'
import { takeEnd } from '../storage/lmdb/folder-end.ts'
import { LmdbStorage } from '../storage/lmdb/lmdb-storage.ts'
import { Journal } from '../storage/log/journal.ts'
import { folderDisk } from '../storage/log/journal-disk.ts'
import { LoggedStorage } from '../storage/log/logged-storage.ts'
import type { Damage } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import type { ReplicaStore, ReplicaStores } from './replica-store.ts'

const INCOMING = 'incoming'

export interface LmdbStoresOptions {
  readonly dir: string
  readonly clock: Clock
  readonly notice: (text: string) => void
  readonly damaged: (damage: Damage) => void
}

export class LmdbStores implements ReplicaStores {
  private readonly options: LmdbStoresOptions

  constructor(options: LmdbStoresOptions) {
    this.options = options
  }

  async open(): Promise<ReplicaStore> {
    await this.takeOverJournal()
    const store = await this.openAt(this.options.dir)
    // What a broker without a cluster has left does not tell what this one will do.
    await takeEnd(this.options.dir)
    store.onDamage(this.options.damaged)
    return store
  }

  private openAt(dir: string): Promise<LmdbStorage> {
    return LmdbStorage.open(dir, { notice: this.options.notice })
  }

  /** A broker that ran without a cluster may have left data in its journal; it is applied to the store first. */
  private async takeOverJournal(): Promise<void> {
    const { dir, clock } = this.options
    if (!existsSync(dir) || folderDisk(dir).list().length === 0) return
    const open = (from: number): Promise<Journal> =>
      Journal.open(folderDisk(dir), from, () => clock.elapsed())
    await (await LoggedStorage.open(await this.openAt(dir), open, clock)).close()
  }

  /** Fills a new store, which replaces the existing file in one step when it is complete. */
  async replace(fill: (store: ReplicaStore) => Promise<void>): Promise<void> {
    const { dir } = this.options
    const incoming = join(dir, INCOMING)
    rmSync(incoming, { recursive: true, force: true })
    mkdirSync(incoming, { recursive: true })
    const store = await this.openAt(incoming)
    try {
      await fill(store)
    } finally {
      await store.close()
    }
    // Lock file and journals belong to the old file only.
    for (const name of readdirSync(dir))
      if (name === 'lock.mdb' || name.endsWith('.journal')) rmSync(join(dir, name))
    renameSync(dataFile(incoming), dataFile(dir))
    markFolder(dir)
    rmSync(incoming, { recursive: true, force: true })
  }
}
