/** Files that the addresses of shovels name. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { LINK_FILE_BYTES_MAX } from '../../src/limits.ts'
import { connectionOptions } from '../../src/shovel/files.ts'
import { parseUri } from '../../src/shovel/uri.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-files-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const optionsOf = (path: string) => {
  const { tls } = parseUri(`amqps://h?cacertfile=${path}&password=secret`)
  return connectionOptions(tls as NonNullable<typeof tls>)
}

it.skipIf(process.platform === 'win32')('are regular files, however they are named', async () => {
  execFileSync('mkfifo', [join(dir, 'pipe')])
  await expect(optionsOf(join(dir, 'pipe'))).rejects.toThrow('no regular file')
  for (const path of ['/dev/zero', '/dev/urandom', dir])
    await expect(optionsOf(path)).rejects.toThrow('no regular file')
  await expect(optionsOf(join(dir, 'nothing'))).rejects.toThrow('ENOENT')
})

it('have a largest size', async () => {
  const path = join(dir, 'ca.pem')
  writeFileSync(path, 'certificate')
  expect(await optionsOf(path)).toEqual({
    ca: Buffer.from('certificate'),
    cert: undefined,
    key: undefined,
    passphrase: 'secret',
    servername: 'h',
    rejectUnauthorized: false,
  })
  truncateSync(path, LINK_FILE_BYTES_MAX + 1)
  await expect(optionsOf(path)).rejects.toThrow('larger than')
})
