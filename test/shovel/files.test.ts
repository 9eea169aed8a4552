/** Files that the addresses of shovels name. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { connectionOptions } from '../../src/shovel/files.ts'
import { LINK_FILE_BYTES_MAX } from '../../src/shovel/link-limits.ts'
import { parseUri } from '../../src/shovel/uri.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-files-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const optionsOf = (path: string) => {
  const { tls } = parseUri(`amqps://h?cacertfile=${path}&password=secret`)
  return connectionOptions(tls as NonNullable<typeof tls>)
}

it.skipIf(process.platform === 'win32')('are regular files, however they are named', async () => {
  execFileSync('mkfifo', [join(dir, 'pipe')])
  await expect(optionsOf(join(dir, 'pipe'))).rejects.toThrow('not a regular file')
  for (const path of ['/dev/zero', '/dev/urandom', dir])
    await expect(optionsOf(path)).rejects.toThrow('not a regular file')
  await expect(optionsOf(join(dir, 'nothing'))).rejects.toThrow('ENOENT')
})

it('have a largest size', async () => {
  const path = join(dir, 'ca.pem')
  writeFileSync(path, 'certificate')
  expect(await optionsOf(path)).toMatchObject({
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

it('the other broker may not choose a key exchange that takes a second', async () => {
  const server = createServer({
    key: readFileSync('test/support/certificates/rsa.key'),
    cert: readFileSync('test/support/certificates/rsa.pem'),
    dhparam: 'auto',
    ciphers: 'DHE-RSA-AES128-GCM-SHA256',
    maxVersion: 'TLSv1.2',
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { tls } = parseUri('amqps://h')
  const options = await connectionOptions(tls as NonNullable<typeof tls>)
  const { port } = server.address() as AddressInfo
  const client = connect({ host: '127.0.0.1', port, ...options })
  const [error] = (await once(client, 'error')) as [Error]
  expect(error.message).toContain('handshake failure')
  expect(options.ecdhCurve).not.toContain('ffdhe')
})
