import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { Journal } from '../../src/storage/log/journal.ts'
import { folderDisk } from '../../src/storage/log/journal-disk.ts'
import { LoggedStorage } from '../../src/storage/log/logged-storage.ts'
import { testFolder } from '../support/folder.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { runCli } from '../support/process.ts'

function folder(): string {
  const dir = testFolder('check')
  return dir
}

it('leveret check says whether a folder is whole, and what is not', async () => {
  const dir = folder()
  expect(await runCli(['check', dir])).toMatchObject({
    code: 1,
    stderr: `leveret: there is no data.mdb in ${dir}\n`,
  })
  expect((await runCli(['check'])).stderr).toContain("'check' takes a data folder")
  const s = await LmdbStorage.open(dir)
  await s.write([
    { op: 'put', key: 'k', value: Buffer.from('a value') },
    { op: 'record', log: 1, segment: 1, index: 0, bytes: Buffer.from('a record that is whole') },
    { op: 'segment', log: 1, segment: 1, state: Buffer.from('a state') },
  ])
  const used = await runCli(['check', dir])
  expect([used.code, used.stderr]).toEqual([
    1,
    expect.stringContaining('is in use by another broker process'),
  ])
  await s.close()
  expect(await runCli(['check', dir])).toMatchObject({
    code: 0,
    stdout:
      '2 values, 1 segment, 1 record, 0 of them without a checksum; 0 batches in the journal; nothing damaged\n',
  })
  const file = join(dir, 'data.mdb')
  const all = readFileSync(file)
  const at = all.lastIndexOf('record that is whole')
  all[at] = 0x52
  writeFileSync(file, all)
  const { code, stdout } = await runCli(['check', dir])
  expect(code).toBe(1)
  expect(stdout).toContain('damaged: {"kind":"record","log":1,"segment":1,"index":0}')
  expect(stdout).toContain('0 records')
})

it('leveret check reads what the journal holds after a crash, and leaves it there', async () => {
  const dir = folder()
  const store = await LmdbStorage.open(dir)
  const s = await LoggedStorage.open(
    store,
    (from) => Journal.open(folderDisk(dir), from, () => 0),
    new ManualClock(),
  )
  await s.write([{ op: 'put', key: 'k', value: Buffer.from('a value') }])
  // As after a crash: the journal is left as it is, and the store does not have the batch.
  await store.close()
  for (let i = 0; i < 2; i++) {
    const { code, stdout } = await runCli(['check', dir])
    expect([code, stdout]).toEqual([0, expect.stringContaining('1 batch in the journal')])
  }
})
