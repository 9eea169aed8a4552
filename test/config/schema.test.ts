/** Every key that a rabbitmq.conf may hold: it has an effect, is named as having none, or is refused with the reason. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { effectiveText, loadConfig } from '../../src/config/load.ts'
import { ConfigError, type Entry, parseConfig } from '../../src/config/parse.ts'
import type { Settings } from '../../src/config/settings.ts'
import { octets } from '../../src/util/sizes.ts'

const file = 'test/config/rabbitmq-keys.conf'
const entries = parseConfig(readFileSync(file, 'utf8'), file)

const dir = mkdtempSync(join(tmpdir(), 'leveret-schema-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function load(text: string) {
  return loadConfig(undefined, {}, parseConfig(text, 'f'))
}

function settings(text: string): Settings {
  return load(text).draft.settings()
}

function outcome(e: Entry): 'effect' | 'none' | 'refused' | string {
  try {
    return loadConfig(undefined, {}, [e]).ignored.length === 0 ? 'effect' : 'none'
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.includes('may not be ignored: ') ? 'refused' : error.message
  }
}
const outcomes = new Map(entries.map((e) => [e.key, outcome(e)]))

describe('the keys of RabbitMQ’s schemas', () => {
  it('are all sorted', () => {
    expect([...outcomes].filter(([, o]) => !['effect', 'none', 'refused'].includes(o))).toEqual([])
    expect(outcomes.size).toBeGreaterThan(950)
  })

  it.each([
    'channel_max_per_node',
    'default_policies.operator.one.apply_to',
    'management.headers.referrer_policy',
    'max_channels_per_connection',
    'max_connections',
    'quorum_queue.property_equivalence.relaxed_checks_on_redeclaration',
    'default_limits.vhosts.one.max_queues',
    'default_users.one.password',
    'definitions.skip_if_unchanged',
    'initial_frame_max',
    'management.listener.ssl',
    'management.load_definitions',
    'management.path_prefix',
    'management.ssl.verify',
    'motd_file',
    'product.version',
    'prometheus.path',
    'prometheus.return_per_object_metrics',
    'prometheus.ssl.port',
    'ssl_options.ciphers.one',
  ])('%s has an effect', (key) => expect(outcomes.get(key)).toBe('effect'))

  it.each([
    'ssl_options.crl_check',
    'prometheus.authentication.enabled',
    'management.disable_basic_auth',
    'definitions.https.url',
    'auth_oauth2.require_exp',
    'auth_oauth2.scope_aliases.one',
    'auth_oauth2.signing_keys.one',
    'management.listener.ssl_opts.cert',
  ])('%s is refused', (key) => expect(outcomes.get(key)).toBe('refused'))

  it.each([
    ['ssl_options.crl_check', 'false'],
    ['prometheus.authentication.enabled', 'false'],
    ['management.disable_basic_auth', 'false'],
  ])('%s = %s changes nothing', (key, value) => expect(load(`${key} = ${value}`).ignored).toHaveLength(1))

  it('refuses other back ends of authentication', () => {
    for (const name of ['ldap', 'http', 'cache', 'rabbit_auth_backend_ldap'])
      expect(() => load(`auth_backends.1 = ${name}`)).toThrow(`found '${name}'`)
    expect(() => load('auth_backends.1.authz = ldap')).toThrow('expected one of internal')
  })

  it('does not take names of objects’ own members for keys', () => {
    for (const key of ['constructor', '__proto__', 'toString', 'hasOwnProperty.x'])
      expect(() => load(`${key} = 1`)).toThrow('unknown key')
    expect(() => octets('5constructor')).toThrow('expected a size')
  })
})

describe('names of RabbitMQ 4.3', () => {
  it('mean what the former ones do', () => {
    const s = settings('max_connections = 7\nmax_channels_per_connection = 9')
    expect([s.limits.connections, s.tuning.channelMax]).toEqual([7, 9])
    expect(settings('max_channels_per_connection = 0').tuning.channelMax).toBe(65_535)
    expect(settings('max_connections = infinity').limits.connections).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('values', () => {
  it('stand for no limit, or for more than there is', () => {
    expect(settings('channel_max = 0').tuning.channelMax).toBe(65_535)
    expect(settings('frame_max = 0').tuning.frameMax).toBe(131_072)
    expect(settings('frame_max = 1048576').tuning.frameMax).toBe(131_072)
    expect(load('frame_max = 1048576').draft.notes).toEqual(['frame_max is limited to 131072'])
    expect(() => load('frame_max = 100')).toThrow('expected at least 4096')
  })

  it.each([
    ['2Gi', 2 * 1024 ** 3],
    ['2GiB', 2 * 1024 ** 3],
    ['2G', 2 * 1024 ** 3],
    ['2GB', 2e9],
    ['2gb', 2e9],
    ['64k', 65_536],
    ['64Ki', 65_536],
    ['64kB', 64_000],
    ['1Ti', 1024 ** 4],
    ['1P', 1024 ** 5],
    ['1000', 1000],
  ])('%s is %i octets', (text, n) =>
    expect(settings(`vm_memory_high_watermark.absolute = ${text}`).memoryLimit).toBe(n),
  )

  it.each(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency', 'none'])(
    'level %s',
    (level) => expect(load(`log.console.level = ${level}\nlog.queue.level = ${level}`).ignored).toEqual([]),
  )

  it('a share is one of the memory that is said to be there', () => {
    const s = settings('vm_memory_high_watermark.relative = 0.5\ntotal_memory_available_override_value = 8G')
    expect(s.memoryLimit).toBe(4 * 1024 ** 3)
  })

  it('are not decrypted, and secrets are not shown', () => {
    expect(() => load('default_pass = encrypted:xyz')).toThrow('encrypted values cannot be decrypted')
    const loaded = load('default_users.joe.password = geheim\nauth_http.user_path = x')
    expect(effectiveText(loaded)).not.toContain('geheim')
  })

  it('of versions of TLS bound both ends', () => {
    const tls = (versions: string): object | undefined =>
      settings(
        `listeners.ssl.1 = 1\nssl_options.certfile = c\nssl_options.keyfile = k\n${versions}`,
      ).listeners.at(-1)?.tls
    expect(tls('ssl_options.versions.1 = tlsv1.2')).toMatchObject({
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
    })
    expect(tls('ssl_options.versions.1 = tlsv1.3')).toMatchObject({
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
    })
    expect(tls('ssl_options.ciphers.1 = A\nssl_options.ciphers.2 = B')).toMatchObject({ ciphers: 'A:B' })
    expect(() => tls('ssl_options.versions.1 = tlsv1.1')).toThrow('TLS 1.2 or 1.3 is needed')
  })
})

describe('listeners of the HTTP side', () => {
  const tls = 'management.ssl.certfile = c\nmanagement.ssl.keyfile = k\n'
  it.each([
    ['', [[15_672, false]]],
    ['management.tcp.port = 1', [[1, false]]],
    [`${tls}management.ssl.port = 2`, [[2, true]]],
    [
      `${tls}management.ssl.port = 2\nmanagement.tcp.port = 1`,
      [
        [1, false],
        [2, true],
      ],
    ],
    ['management.listener.port = 3', [[3, false]]],
    [
      'management.listener.port = 3\nmanagement.listener.ssl = true\nmanagement.listener.ssl_opts.certfile = c\nmanagement.listener.ssl_opts.keyfile = k',
      [[3, true]],
    ],
  ])('%j', (text, expected) =>
    expect(settings(text).management.map((l) => [l.port, l.tls !== undefined])).toEqual(expected),
  )

  it('a listener with TLS needs its files', () => {
    expect(() => settings('management.ssl.port = 2')).toThrow('management.ssl needs management.ssl.certfile')
    expect(() => settings('management.listener.port = 3\nmanagement.listener.ssl = true')).toThrow(
      'management.listener.ssl_opts.certfile',
    )
    expect(settings('prometheus.tcp.listener = none').metrics).toEqual([])
  })
})

describe('files', () => {
  const at = (name: string): string => join(dir, name)
  mkdirSync(at('conf.d'))
  writeFileSync(at('main.conf'), 'heartbeat = 10\nchannel_max = 5\n')
  writeFileSync(at('conf.d/20-b.conf'), 'heartbeat = 30\n')
  writeFileSync(at('conf.d/10-a.conf'), '\uFEFFheartbeat = 20\nconnection_max = 9\n')
  writeFileSync(at('conf.d/notes.txt'), 'nonsense')
  const heartbeat = (environment: Record<string, string>, file?: string): unknown =>
    loadConfig(file, environment, []).draft.tuning.heartbeat

  it('are found without their extension, as RabbitMQ finds them', () => {
    expect(heartbeat({ RABBITMQ_CONFIG_FILE: at('main') })).toBe(10)
    expect(heartbeat({}, at('main'))).toBe(10)
    expect(() => heartbeat({}, at('nothing'))).toThrow('cannot read the configuration file')
  })

  it('of a folder or pattern are read in the order of their names, after the main one', () => {
    expect(heartbeat({ RABBITMQ_CONFIG_FILES: at('conf.d') })).toBe(30)
    expect(heartbeat({ RABBITMQ_CONFIG_FILES: at('conf.d/10-*.conf') })).toBe(20)
    const both = loadConfig(
      undefined,
      { RABBITMQ_CONFIG_FILE: at('main'), RABBITMQ_CONFIG_FILES: at('conf.d') },
      [],
    )
    expect(both.draft.tuning).toEqual({ heartbeat: 30, channelMax: 5 })
    expect(() => heartbeat({ RABBITMQ_CONFIG_FILES: at('none/*.conf') })).toThrow('configuration folder')
  })
})
