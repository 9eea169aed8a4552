/** Configuration as it is found in charts, images and deployments: it loads, or is refused with one line that says why. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { substituted } from '../../src/config/environment.ts'
import { effectiveText, type Loaded, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/parse.ts'
import { startChild } from '../support/children.ts'

const FOLDER = 'test/fixtures/found'
const dir = mkdtempSync(join(tmpdir(), 'leveret-found-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const environment = { FOUND_USER: 'shop', FOUND_PASSWORD: 'from outside', FOUND_MEMORY: '2GB' }

/** What the settings of a file that loads are, in part. */
const loads: { readonly [file: string]: object } = {
  'helm-chart.conf': { defaultUser: { name: 'shop' }, definitions: '/app/load_definition.json' },
  'operator.conf': { loopbackUsers: [], tuning: { channelMax: 1050 }, consumerTimeout: 31_622_400_000 },
  'operator-tls.conf': {
    listeners: [{ port: 5671 }],
    management: [{ port: 15_671 }],
    metrics: [{ port: 15_691 }],
  },
  'cloud-platform.conf': {
    listeners: [{ port: 5672, bind: '192.0.2.10' }],
    management: [{ port: 15_672, bind: '192.0.2.10' }],
    metrics: [{ port: 15_692, bind: '192.0.2.10' }],
  },
  'of-old.conf': { loopbackUsers: [], definitions: '/etc/rabbitmq/definitions.json', memoryLimit: 410e6 },
  'client-certificates.conf': {
    listeners: [{ port: 5672 }, { port: 5671, tls: { failIfNoPeerCert: true, verifyPeer: true } }],
    login: { mechanisms: ['EXTERNAL'], certificateLogin: 'common_name' },
    management: [{ port: 15_671, tls: { certfile: '/home/grid/certificates/server.crt' } }],
  },
  'ciphers.conf': { login: { mechanisms: ['PLAIN', 'AMQPLAIN', 'EXTERNAL'] } },
  'tokens.conf': {},
  'discovery.conf': {
    defaultUser: { name: 'shop', password: 'from outside' },
    defaultVhost: '/shop',
  },
  'logs.conf': {},
  'page.conf': { management: [{ port: 15_672, bind: '127.0.0.1' }] },
  'tenants.conf': {},
  'other-protocols.conf': {
    listeners: [{ bind: '127.0.0.1' }, { bind: '::1' }, { port: 5673, bind: '0.0.0.0' }],
    maxMessageSize: 134_217_728,
  },
  'windows.conf': { loopbackUsers: [] },
  'metrics.conf': { metrics: [{ port: 15_692 }] },
}

/** The line, which docs/configuration.md explains. */
const refusals: { readonly [file: string]: RegExp } = {
  'ldap.conf': /:2: auth_backends\.1: expected one of internal, oauth2, .*found 'ldap'$/,
  'http-backend.conf': /:3: auth_backends\.2: expected one of .*found 'cache'$/,
  'two-backends.conf': /:3: auth_backends\.1\.authz: expected one of .*found 'rabbit_auth_backend_ip_range'$/,
  'encrypted.conf': /:2: default_pass: encrypted values cannot be decrypted here; write the value itself/,
  'classic.config':
    /:1: Erlang terms \(rabbitmq\.config, advanced\.config\) are not read; write the settings as keys/,
  'advanced.config': /:1: Erlang terms/,
  'empty-advanced.config': /:1: Erlang terms/,
  'yaml.conf': /:1: expected 'key = value', found 'listeners\.tcp\.default: 5672'$/,
  'policies.conf': /:2: unknown key 'policies\.1\.name'$/,
  'unset-variable.conf':
    /:1: default_pass: \$\(NOBODY_HAS_SET_THIS\) is neither a key nor an environment variable$/,
  'going-round.conf': /:1: default_user: \$\(default_user\) refers to itself$/,
}

const load = (file: string): Loaded => loadConfig(join(FOLDER, file), environment, [])

function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

describe('a file', () => {
  it('of each kind is in one of the tables', () => {
    const names = readdirSync(FOLDER).filter((f) => /\.conf(ig)?$/.test(f))
    expect(names.sort()).toEqual([...Object.keys(loads), ...Object.keys(refusals)].sort())
  })

  it.each(Object.entries(loads))('%s loads', (file, settings) => {
    expect(load(file).draft.settings()).toMatchObject(settings)
  })

  it.skipIf(process.platform === 'win32')('that is a pipe is not waited for while clients are served', () => {
    const pipe = join(dir, 'pipe.conf')
    execFileSync('mkfifo', [pipe])
    expect(refusal(() => loadConfig(pipe, {}, [], true))).toMatch(/pipe\.conf: it is not a regular file$/)
    const begin = "require('fs').writeFileSync(process.argv[1], 'heartbeat = 7')"
    startChild(process.execPath, ['-e', begin, pipe], { stdio: 'ignore' })
    expect(loadConfig(pipe, {}, []).draft.settings().tuning.heartbeat).toBe(7)
  })

  it.each(Object.entries(refusals))('%s is refused with one line', (file, line) => {
    const text = refusal(() => load(file))
    expect(text).toMatch(line)
    expect(text).not.toContain('\n')
  })
})

describe('the environment', () => {
  const secret = join(dir, 'secret')
  writeFileSync(secret, 'from a file\n')
  const settings = (e: Record<string, string>) => loadConfig(undefined, e, []).draft.settings()
  const value = (text: string): string | undefined =>
    substituted([{ key: 'default_user', value: text, origin: 'environment FOUND' }], environment)[0]?.value

  it('may name files with the default user', () => {
    const files = { RABBITMQ_DEFAULT_USER: 'admin', RABBITMQ_DEFAULT_PASS_FILE: secret }
    expect(settings(files).defaultUser).toMatchObject({ name: 'admin', password: 'from a file' })
    expect(effectiveText(loadConfig(undefined, files, []))).not.toContain('from a file')
    expect(refusal(() => settings({ RABBITMQ_DEFAULT_PASS_FILE: join(dir, 'none') }))).toMatch(
      /^environment RABBITMQ_DEFAULT_PASS_FILE: cannot read .*ENOENT/,
    )
    expect(refusal(() => settings({ ...files, RABBITMQ_DEFAULT_PASS: 'p' }))).toBe(
      'environment RABBITMQ_DEFAULT_PASS_FILE: RABBITMQ_DEFAULT_PASS is also set; set only one of them',
    )
  })

  it('names files of text that end: pipes, devices and long ones are refused, and a mark in front is no part of it', () => {
    const from = (text: string | Buffer): string | undefined => {
      writeFileSync(secret, text)
      return settings({ RABBITMQ_DEFAULT_PASS_FILE: secret }).defaultUser?.password
    }
    expect(from('\uFEFFmarked\r\n')).toBe('marked')
    expect(refusal(() => from(Buffer.alloc(1_048_577, 'x')))).toMatch(/cannot read .*larger than/)
    const name = `environment RABBITMQ_DEFAULT_PASS_FILE: ${secret}`
    for (const text of ['two\nlines', 'two ends\n\n', 'a\rb\n', 'a\0b', '\nbehind one'])
      expect(refusal(() => from(text))).toBe(`${name} has more than one line of text`)
    for (const octets of [[0xe4], [0x61, 0xc3], [0xed, 0xa0, 0x80]])
      expect(refusal(() => from(Buffer.from(octets)))).toBe(`${name} is not UTF-8`)
    expect(from('gr\u00fc\u00df \u{1f407} \n')).toBe('gr\u00fc\u00df \u{1f407} ')
    for (const file of ['/dev/zero', dir])
      expect(refusal(() => settings({ RABBITMQ_DEFAULT_USER_FILE: file }))).toMatch(/not a regular file/)
  })

  it('is UTF-8, as the lines of a file are', () => {
    const file = join(dir, 'latin.conf')
    const pass = (text: string): string | undefined => {
      writeFileSync(file, Buffer.from(text, 'latin1'))
      return loadConfig(file, {}, []).draft.settings().defaultUser?.password
    }
    expect(refusal(() => pass('default_pass = gr\u00fcn\n'))).toMatch(/latin\.conf:1: the line is not UTF-8$/)
    expect(pass('# gr\u00fcn\ndefault_pass = gr\u00c3\u00bcn\n')).toBe('gr\u00fcn')
  })

  it('is what `$(NAME)` stands for, and nothing else that JavaScript knows by that name', () => {
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(refusal(() => value(`$(${name})`))).toBe(
        `environment FOUND: default_user: $(${name}) is neither a key nor an environment variable`,
      )
    expect(value('$(FOUND_USER)')).toBe('shop')
  })

  it('cannot make a value longer than there is memory for', () => {
    const entries = ['a', 'b', 'c'].map((key, i, { length }) => {
      const next = String.fromCharCode(key.charCodeAt(0) + 1)
      return { key, value: i === length - 1 ? 'x'.repeat(2000) : `$(${next})`.repeat(2000), origin: 'line' }
    })
    expect(refusal(() => substituted(entries, {}))).toMatch(/^line: a: more than 1048576 characters/)
  })

  it('may say where to listen', () => {
    expect(settings({ RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1' }).listeners).toMatchObject([
      { port: 5672, bind: '127.0.0.1' },
    ])
    expect(settings({ RABBITMQ_NODE_IP_ADDRESS: '::1', RABBITMQ_NODE_PORT: '6000' }).listeners).toMatchObject(
      [{ port: 6000, bind: '::1' }],
    )
  })

  it.each([
    ['RABBITMQ_ERLANG_COOKIE', 'environment'],
    ['RABBITMQ_NODENAME', 'environment'],
    ['RABBITMQ_USERNAME', 'environment; set RABBITMQ_DEFAULT_USER'],
    ['RABBITMQ_PASSWORD', 'environment; set RABBITMQ_DEFAULT_PASS'],
    ['RABBITMQ_SSL_CERTFILE', 'environment; set ssl_options and listeners.ssl'],
    ['RABBITMQ_MANAGEMENT_SSL_KEYFILE', 'environment; set ssl_options and listeners.ssl'],
    ['RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS', 'environment; set the keys of rabbitmq.conf'],
    ['RABBITMQ_LOAD_DEFINITIONS', 'environment; set load_definitions'],
  ])('%s is named as having no effect, with what to set instead', (name, origin) => {
    const loaded = loadConfig(undefined, { [name]: 'x' }, [])
    expect(loaded.ignored).toEqual([{ key: name, value: 'x', origin }])
  })

  it('of others is not talked about', () => {
    const others = {
      RABBITMQ_PORT: 'tcp://10.0.0.1:5672',
      RABBITMQ_SERVICE_HOST: '10.0.0.1',
      RABBITMQ_URL: 'amqp://',
    }
    expect(loadConfig(undefined, others, []).ignored).toEqual([])
    expect(effectiveText(loadConfig(undefined, { RABBITMQ_ERLANG_COOKIE: 'SECRET' }, []))).not.toContain(
      'SECRET',
    )
  })

  it('may name Erlang terms only where they say nothing', () => {
    const named = (file: string): string =>
      refusal(() => loadConfig(undefined, { RABBITMQ_ADVANCED_CONFIG_FILE: join(FOLDER, file) }, []))
    expect(named('advanced.config')).toMatch(
      /^environment RABBITMQ_ADVANCED_CONFIG_FILE: .*Erlang terms .* are not read/,
    )
    expect(named('advanced')).toMatch(/Erlang terms/)
    expect(named('empty-advanced.config')).toBe('')
    expect(named('not-there.config')).toBe('')
  })
})
