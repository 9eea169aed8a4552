import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open } from 'lmdb'
import { describe, expect, it } from 'vitest'
import { closeStore, optionsFor } from '../../src/storage/lmdb/commits.ts'
import { newestOverlaps } from '../../src/storage/lmdb/data-file.ts'
import { sealed } from '../../src/storage/lmdb/keys.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { PAGE_HEADER_BYTES } from '../../src/storage/lmdb/tree-check.ts'
import { testFolder } from '../support/folder.ts'

const PAGE_BYTES = 4096
/** Where the three headers of the file begin, behind the heads of their pages. */
const [FIRST, SECOND, THIRD] = [0, PAGE_BYTES, PAGE_BYTES / 2].map((at) => at + PAGE_HEADER_BYTES) as [
  number,
  number,
  number,
]
const META_BYTES = 144
/** Within a header. */
const BOOT = 136
const KEY = 'a'

/** A folder with the values of a release whose commits overlapped, of which the last one is not known to be on disk. */
async function formerFolder(values: readonly string[], otherBoot: boolean): Promise<string> {
  const dir = testFolder('commits')
  await (await LmdbStorage.open(dir)).close()
  const path = join(dir, 'data.mdb')
  let known: Buffer | undefined
  for (const value of values) {
    known = known === undefined ? undefined : readFileSync(path).subarray(THIRD, THIRD + META_BYTES)
    const root = open({ path: dir, noSubdir: false, maxDbs: 8 })
    const meta: Database<Buffer, string> = root.openDB({ name: 'meta', encoding: 'binary' })
    await meta.put(KEY, sealed(Buffer.from(KEY), Buffer.from(value)))
    await root.flushed
    await root.close()
    known ??= Buffer.alloc(0)
  }
  const file = readFileSync(path)
  known?.copy(file, THIRD)
  if (otherBoot) for (const at of [FIRST, SECOND]) file.writeBigInt64LE(12_345n, at + BOOT)
  writeFileSync(path, file)
  return dir
}

interface Cursor {
  readonly address: unknown
  close(): void
}
interface Kept {
  availableCursor?: Cursor | null
}

async function valueIn(dir: string): Promise<string | undefined> {
  const s = await LmdbStorage.open(dir)
  const found = [...s.scan(KEY)].find((e) => e.key === KEY)
  await s.close()
  return found === undefined ? undefined : Buffer.from(found.value).toString()
}

async function write(dir: string, value: string): Promise<void> {
  const s = await LmdbStorage.open(dir)
  await s.write([{ op: 'put', key: KEY, value: Buffer.from(value) }])
  await s.close()
}

describe.runIf(process.arch === 'x64' && process.platform === 'linux')(
  'a folder of a release whose commits overlapped',
  () => {
    it('loses what a power cut may have left in part, and goes on with commits that do not overlap', async () => {
      const dir = await formerFolder(['whole', 'torn'], true)
      expect(newestOverlaps(join(dir, 'data.mdb'))).toBe(true)
      expect(await valueIn(dir)).toBe('whole')
      await write(dir, 'next')
      expect(newestOverlaps(join(dir, 'data.mdb'))).toBe(false)
      expect(await valueIn(dir)).toBe('next')
    })

    it('keeps everything where the machine was not started again', async () => {
      const dir = await formerFolder(['whole', 'last'], false)
      expect(await valueIn(dir)).toBe('last')
      await write(dir, 'next')
      expect(await valueIn(dir)).toBe('next')
    })

    it('may be used by such a release again, and by this one after it', async () => {
      const dir = await formerFolder(['whole'], false)
      await write(dir, 'next')
      const root = open({ path: dir, noSubdir: false, maxDbs: 8 })
      const meta: Database<Buffer, string> = root.openDB({ name: 'meta', encoding: 'binary' })
      expect(meta.get(KEY)).toEqual(sealed(Buffer.from(KEY), Buffer.from('next')))
      await meta.put(KEY, sealed(Buffer.from(KEY), Buffer.from('former')))
      await root.flushed
      await root.close()
      expect(await valueIn(dir)).toBe('former')
    })
  },
)

describe('a store that is closed', () => {
  it('has closed the cursors that lmdb-js keeps', async () => {
    const root = open(optionsFor(testFolder('cursors')))
    const names = ['written', 'empty', 'unread']
    const databases = names.map((name) => root.openDB<Buffer, string>({ name, encoding: 'binary' }))
    const closed: string[] = []
    const kept = databases.map((database) => (database as unknown as { db: Kept }).db)
    await databases[0]?.put('k', Buffer.from('v'))
    for (const i of [0, 1]) for (const _ of databases[i]?.getKeys() ?? []);
    // Of another transaction than the last one.
    await databases[0]?.put('k', Buffer.from('w'))
    // If there is none, a newer lmdb-js keeps them elsewhere, or none.
    expect(kept.map((k) => (k.availableCursor ?? undefined) !== undefined)).toEqual([true, true, false])
    for (const [i, k] of kept.slice(0, 2).entries()) {
      const { availableCursor: cursor } = k
      const close = (): void => {
        closed.push(names[i] as string)
        cursor?.close()
      }
      k.availableCursor = { address: cursor?.address, close }
    }
    await closeStore(root, databases)
    expect(closed).toEqual(['written', 'empty'])
    expect(kept.map((k) => k.availableCursor ?? undefined)).toEqual([undefined, undefined, undefined])
    // Once more, as after a failed start.
    await closeStore(root, databases)
  })
})
