/** A folder whose files were damaged: what can be used is used, all else is refused in words, by a process that ends. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { runCli, startProcess } from '../support/process.ts'
import { CH, confirmed, confirmSelect, counts, declareQueue } from '../support/session.ts'
import { Wire } from '../support/wire.ts'

const PAGE = 4096
const MESSAGES = 60
const root = mkdtempSync(join(tmpdir(), 'leveret-damaged-'))
const sound = join(root, 'sound')
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Large and small messages, some of them consumed: pages of all kinds, and free ones. */
beforeAll(async () => {
  let b = await startProcess(sound)
  let w = await Wire.open(b.url)
  await w.channel(CH)
  await confirmSelect(w)
  await declareQueue(w, { queue: 'q', durable: true, exclusive: false })
  for (let i = 1; i <= MESSAGES; i++) {
    const body = 'x'.repeat(i % 3 === 0 ? 30_000 : 100)
    w.publish(CH, { routingKey: 'q', body, properties: { deliveryMode: 2 } })
    await confirmed(w, i, i)
  }
  await w.close()
  // A commit of the store's own: both header pages know the queue.
  expect(await b.stop('SIGTERM')).toBe(0)
  b = await startProcess(sound)
  w = await Wire.open(b.url)
  await w.channel(CH)
  for (let i = 0; i < 10; i++)
    await w.call(CH, MethodId.BasicGet, { queue: 'q', noAck: true }, MethodId.BasicGetOk)
  await w.close()
  expect(await b.stop('SIGTERM')).toBe(0)
})

let folders = 0
function damaged(how: (file: string, dir: string) => void): string {
  const dir = join(root, String(folders++))
  cpSync(sound, dir, { recursive: true })
  how(join(dir, 'data.mdb'), dir)
  return dir
}

/** Octets of the file are replaced from there on. */
function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const b = readFileSync(file)
  b.set(bytes, at)
  writeFileSync(file, b)
}

function inBothHeaders(file: string, at: number, octet: number): void {
  for (const page of [0, PAGE]) overwrite(file, page + at, new Uint8Array([octet]))
}

function inPlaceOfFile(file: string): void {
  rmSync(file)
  mkdirSync(file)
}

async function refusal(dir: string): Promise<string> {
  const none = ['--port', '0', '--management-port', 'none', '--metrics-port', 'none']
  const { code, stdout, stderr } = await runCli(['start', ...none, '--bind', '127.0.0.1', '--data-dir', dir])
  expect([code, stderr]).toEqual([1, ''])
  const lines = stdout.trim().split('\n')
  expect(lines).toHaveLength(1)
  const line = JSON.parse(lines[0] as string) as { code: string; msg: string; err?: unknown }
  expect([line.code, line.err]).toEqual(['UNREADABLE', undefined])
  expect(line.msg).toContain(join(dir, 'data.mdb'))
  expect(line.msg).toContain('restore the data folder from a backup')
  return line.msg
}

/** How many messages there are; and what was said beside. */
async function started(dir: string): Promise<{ messages: number; lines: string[] }> {
  const b = await startProcess(dir)
  const w = await Wire.open(b.url)
  await w.channel(CH)
  const { messages } = await counts(w, 'q')
  for (let i = 0; i < messages; i++)
    await w.call(CH, MethodId.BasicGet, { queue: 'q', noAck: true }, MethodId.BasicGetOk)
  await w.close()
  expect(await b.stop('SIGTERM')).toBe(0)
  return { messages, lines: b.lines }
}

type Case = [what: string, says: RegExp, how: (file: string, dir: string) => void]

describe('is refused: data.mdb', () => {
  it.each<Case>([
    ['empty', /it is empty, though the folder has had a store/, (f) => truncateSync(f, 0)],
    ['missing', /it is missing, though the folder has had a store/, (f) => rmSync(f)],
    ['of one octet', /it ends within page 0/, (f) => truncateSync(f, 1)],
    ['of half a page', /it ends after 2048 octets/, (f) => truncateSync(f, 2048)],
    ['of one page', /it ends after 4096 octets/, (f) => truncateSync(f, PAGE)],
    ['of two pages', /points to page \d+ of \d+: it was cut off/, (f) => truncateSync(f, 2 * PAGE)],
    ['cut to half', /it was cut off/, (f) => truncateSync(f, statSync(f).size / 2)],
    [
      'with a header of zeros',
      /it does not begin like a store/,
      (f) => overwrite(f, 0, new Uint8Array(2 * PAGE)),
    ],
    ['of zeros', /it does not begin like a store/, (f) => writeFileSync(f, Buffer.alloc(statSync(f).size))],
    ['of text', /it does not begin like a store/, (f) => writeFileSync(f, 'hello '.repeat(10_000))],
    ['of another layout', /page 0 has version 1 of the file's layout, not 2/, (f) => inBothHeaders(f, 28, 1)],
    ['with pages of a size that is none', /pages have 4097 octets/, (f) => inBothHeaders(f, 48, 1)],
    ['that is a folder', /it is a folder/, inPlaceOfFile],
  ])('%s', async (_what, says, how) => {
    const dir = damaged(how)
    expect(await refusal(dir)).toMatch(says)
    // The refusal changes nothing: it is the same the next time.
    expect(await refusal(dir)).toMatch(says)
  })

  it('that lacks its last page', async () => {
    const dir = damaged(() => {})
    // So large that no free pages take it: it is at the end of the file, and used.
    const s = await LmdbStorage.open(dir)
    await s.write([{ op: 'record', log: 99, segment: 1, index: 0, bytes: new Uint8Array(2_000_000) }])
    await s.close()
    const file = join(dir, 'data.mdb')
    truncateSync(file, statSync(file).size - PAGE)
    expect(await refusal(dir)).toMatch(/it was cut off/)
  })

  it.skipIf(process.getuid?.() === 0)('without permission', async () => {
    const dir = damaged((f) => chmodSync(f, 0))
    expect(await refusal(dir)).toMatch(/it cannot be opened for reading and writing \(EACCES\)/)
  })

  it('of another program', async () => {
    const dir = damaged((f) => rmSync(f))
    const db = open({ path: dir, noSubdir: false })
    await db.put('theirs', 1)
    await db.close()
    expect(await refusal(dir)).toMatch(/it is the store of another program, with "theirs" in it/)
  })

  it('each page of whose trees is cleared in turn', async () => {
    const b = readFileSync(join(sound, 'data.mdb'))
    for (let page = 2; page * PAGE < b.length; page++) {
      const isTree =
        b.readBigUInt64LE(page * PAGE) === BigInt(page) && [1, 2].includes(b.readUInt16LE(page * PAGE + 18))
      if (!isTree) continue
      const dir = damaged((f) => overwrite(f, page * PAGE, new Uint8Array(24)))
      // Pages of earlier commits are free and matter to nobody.
      await LmdbStorage.open(dir).then(
        (s) => s.close(),
        (e) =>
          expect(e).toMatchObject({
            code: 'UNREADABLE',
            message: expect.stringContaining(`page ${page} is damaged`),
          }),
      )
      rmSync(dir, { recursive: true })
    }
  })
})

describe('starts', () => {
  const count = MESSAGES - 10

  it.each([0, 1])('with one header page cleared: %i', async (page) => {
    const dir = damaged((f) => overwrite(f, page * PAGE, new Uint8Array(PAGE)))
    const first = await started(dir)
    // The other header may be of the commit before, which had not seen the last messages go.
    expect(first.messages).toBeGreaterThanOrEqual(count)
    expect(first.messages).toBeLessThanOrEqual(MESSAGES)
    expect(first.lines.join()).toContain('the other header page was sound and has taken its place')
    const again = await started(dir)
    expect(again.messages).toBe(0)
    expect(again.lines.join()).not.toContain('header page')
  })

  it.each(['lock.mdb', 'broker.lock', 'control.sock'])('with nonsense in %s', async (name) => {
    expect(
      (await started(damaged((_f, dir) => writeFileSync(join(dir, name), 'nonsense'.repeat(999))))).messages,
    ).toBe(count)
  })

  it('without the other files: a copy of data.mdb is enough', async () => {
    const dir = join(root, 'copy')
    mkdirSync(dir)
    copyFileSync(join(sound, 'data.mdb'), join(dir, 'data.mdb'))
    expect((await started(dir)).messages).toBe(count)
    truncateSync(join(dir, 'data.mdb'), 0)
    expect(await refusal(dir)).toMatch(/it is empty/)
  })

  it('after a first start that ended before there was anything in the file', async () => {
    const dir = join(root, 'first')
    mkdirSync(dir)
    writeFileSync(join(dir, 'data.mdb'), '')
    await (await LmdbStorage.open(dir)).close()
    expect(existsSync(join(dir, 'leveret.store'))).toBe(true)
  })
})
