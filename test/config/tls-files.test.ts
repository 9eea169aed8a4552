/** Files of TLS listeners that cannot be used: the error names the setting, the file and what is wrong. */
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Listener } from '../../src/connection/listener.ts'
import { Unopened } from '../../src/connection/unopened.ts'
import { Certificates } from '../../src/util/certificates.ts'
import { silent } from '../../src/util/logger.ts'
import { contextOf, type TlsSettings } from '../../src/util/tls.ts'
import { runCli } from '../support/process.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-tls-files-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const given = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const sound = { certfile: given('server.pem'), keyfile: given('server.key'), cacertfile: given('ca.pem') }

function file(name: string, content: string): string {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

const junk = file('junk.pem', 'junk')
const missing = join(dir, 'missing.pem')

function problem(changed: Partial<TlsSettings>): string {
  try {
    contextOf({ ...sound, prefix: 'ssl_options.', ...changed })
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('a file of TLS', () => {
  it('is taken where it is sound', () => {
    expect(problem({ ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' })).toBe('')
  })

  it.each(['certfile', 'keyfile', 'cacertfile', 'dhfile'])('for %s that is none is named', (key) => {
    expect(problem({ [key]: missing })).toContain(`ssl_options.${key}: cannot read ${missing}: ENOENT`)
    expect(problem({ [key]: dir })).toContain(
      `ssl_options.${key}: cannot read ${dir}: it is not a regular file`,
    )
    const text = problem({ [key]: junk })
    expect(text).toContain(`ssl_options.${key}: ${junk} `)
    expect(text).toContain('(PEM)')
  })

  it('that belongs to another one, or is locked, is named', () => {
    const keyfile = given('client.key')
    expect(problem({ keyfile })).toContain(
      `${keyfile} is not the key of the certificate in ${sound.certfile}`,
    )
    const locked = join(dir, 'locked.key')
    const lock = { type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'p' } as const
    writeFileSync(locked, createPrivateKey(readFileSync(sound.keyfile)).export(lock))
    for (const password of [undefined, 'wrong'])
      expect(problem({ keyfile: locked, password })).toContain(
        `ssl_options.keyfile: ${locked} is not a private key`,
      )
    expect(problem({ keyfile: locked, password: 'p' })).toBe('')
  })

  it.skipIf(process.platform === 'win32')('that never ends is not waited for', () => {
    const pipe = join(dir, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const endless of [pipe, '/dev/zero'])
      expect(problem({ certfile: endless })).toContain(`cannot read ${endless}: it is not a regular file`)
  })

  it('of another host is named too', () => {
    const hosts = [{ host: 'a.example', certfile: junk, keyfile: sound.keyfile }]
    const acceptor = { accept: () => {}, relayed: () => false, isBalancer: () => false }
    const unopened = new Unopened(
      () => ({ all: 1, perAddress: 1 }),
      () => 0,
      () => {},
    )
    const tls = { ...sound, prefix: 'ssl_options.', hosts }
    expect(() => new Listener(tls, acceptor, silent, unopened, new Certificates())).toThrow(
      `ssl_options.sni of a.example: ${junk} is not a certificate`,
    )
  })
})

it('ciphers of which none is known are named', () => {
  expect(problem({ ciphers: 'NOPE' })).toContain('ssl_options.ciphers: none of these can be used')
})

it('a start without a usable certificate ends, and says why in one line', async () => {
  copyFileSync(sound.certfile, join(dir, 'cert.pem'))
  const config = file(
    'rabbitmq.conf',
    `listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:0\nssl_options.certfile = ${dir}/cert.pem\nssl_options.keyfile = ${junk}\n`,
  )
  const ports = ['--management-port', 'none', '--metrics-port', 'none']
  const r = await runCli(['start', ...ports, '--config', config, '--data-dir', join(dir, 'data')])
  const fatal = r.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number; msg: string; err?: object })
    .filter(({ level }) => level === 60)
  expect([r.code, r.stderr, fatal.length, fatal[0]?.err]).toEqual([1, '', 1, undefined])
  expect(fatal[0]?.msg).toContain(`ssl_options.keyfile: ${junk}`)
})
