import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { effectiveText, loadConfig } from '../../src/config/load.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { Settings } from '../../src/config/settings.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { octets } from '../../src/util/sizes.ts'
import { runCli, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-config-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

let files = 0
function file(text: string): string {
  const name = join(dir, `rabbitmq-${files++}.conf`)
  writeFileSync(name, text)
  return name
}

function settings(text: string, environment: Record<string, string> = {}): Settings {
  return loadConfig(file(text), environment, []).draft.settings()
}

describe('the format', () => {
  it('has keys, values, comments and quotes', () => {
    const text = [
      '# a comment',
      '',
      'a.b = 1',
      "  c = 'with # and spaces '  # behind",
      'd=2 # behind',
      'e =',
    ].join('\n')
    expect(parseConfig(text, 'f').map((e) => [e.key, e.value, e.origin])).toEqual([
      ['a.b', '1', 'f:3'],
      ['c', 'with # and spaces ', 'f:4'],
      ['d', '2', 'f:5'],
      ['e', '', 'f:6'],
    ])
    expect(() => parseConfig('nonsense', 'f')).toThrow("f:1: expected 'key = value', found 'nonsense'")
    expect(() => parseConfig("a = 'open", 'f')).toThrow('f:1: a quote is not closed')
  })

  it('may be of any length and content: it is read at once, and errors stay one short line', () => {
    const spaces = ' '.repeat(1_000_000)
    expect(parseConfig(`a = b${spaces}c`, 'f')[0]?.value).toBe(`b${spaces}c`)
    expect(() => parseConfig('x'.repeat(1_000_000), 'f')).toThrow(/^f:1: .{1,150}$/)
    expect(() => parseConfig('\0\u001b[31m\ufffd', 'f')).toThrow("found '??[31m?'")
    expect(() => settings(`${'k'.repeat(1_000_000)} = 1`)).toThrow(/:1: unknown key 'k{80}\.\.\.'$/)
    expect(() => settings(`heartbeat = ${'9'.repeat(1_000_000)}`)).toThrow(/found '9{80}\.\.\.'$/)
  })

  it('has sizes with units', () => {
    expect(['4096', '1kB', '1KiB', '2MB', '1.5GiB'].map(octets)).toEqual([
      4096,
      1000,
      1024,
      2e6,
      1.5 * 1024 ** 3,
    ])
    expect(() => octets('much')).toThrow("expected a size such as 512MiB or 2GB, found 'much'")
  })
})

describe('keys', () => {
  it('set what RabbitMQ’s do', () => {
    const s = settings(`
      listeners.tcp.1 = 127.0.0.1:6000
      listeners.tcp.2 = 6001
      listeners.ssl.default = 6002
      ssl_options.certfile = /c
      ssl_options.keyfile = /k
      ssl_options.cacertfile = /a
      ssl_options.verify = verify_peer
      ssl_options.fail_if_no_peer_cert = true
      ssl_options.versions.1 = tlsv1.3
      ssl_options.sni.1 = mq.example.org /c2 /k2
      default_user = admin
      default_pass = secret
      default_vhost = /main
      default_user_tags.monitoring = true
      default_permissions.read = ^r
      loopback_users.guest = false
      vm_memory_high_watermark.absolute = 1GB
      disk_free_limit.absolute = 2GB
      heartbeat = 30
      frame_max = 65536
      channel_max = 100
      connection_max = 50
      handshake_timeout = 900
      consumer_max_per_channel = 7
      max_message_size = 1000
      consumer_timeout = 5000
      default_queue_type = quorum
      load_definitions = /defs.json
      management.tcp.port = 6003
      auth_mechanisms.1 = PLAIN
      auth_mechanisms.2 = EXTERNAL
      ssl_cert_login_from = common_name`)
    const tls = {
      certfile: '/c',
      keyfile: '/k',
      verifyPeer: true,
      failIfNoPeerCert: true,
      minVersion: 'TLSv1.3',
      hosts: [{ host: 'mq.example.org', certfile: '/c2', keyfile: '/k2' }],
    }
    expect(s).toMatchObject({
      listeners: [{ port: 6000, bind: '127.0.0.1' }, { port: 6001 }, { port: 6002, tls }],
      management: [{ port: 6003 }],
      defaultUser: {
        name: 'admin',
        password: 'secret',
        tags: ['administrator', 'monitoring'],
        permissions: { '/main': { configure: '.*', write: '.*', read: '^r' } },
      },
      defaultVhost: '/main',
      loopbackUsers: [],
      memoryLimit: 1e9,
      diskFreeLimit: 2e9,
      tuning: { heartbeat: 30, frameMax: 65_536, channelMax: 100 },
      limits: expect.objectContaining({ connections: 50, handshakeMs: 900, consumersPerChannel: 7 }),
      maxMessageSize: 1000,
      consumerTimeout: 5000,
      defaultQueueType: 'quorum',
      definitions: '/defs.json',
      login: { mechanisms: ['PLAIN', 'EXTERNAL'], certificateLogin: 'common_name' },
    })
  })

  it.each([
    ['default_queue_type = rabbit_quorum_queue', { defaultQueueType: 'quorum' }],
    ['default_queue_type = rabbit_classic_queue', { defaultQueueType: 'classic' }],
    ['default_queue_type = rabbit_stream_queue', { defaultQueueType: 'stream' }],
    ['auth_backends.1 = oauth', {}],
    ['auth_backends.2.authn = rabbit_auth_backend_internal', {}],
    ['definitions.import_backend = local', {}],
    ['definitions.import_backend = rabbit_definitions_import_local_filesystem', {}],
    ['definitions.import_backend = rabbitmq_definitions_import_local_filesystem', {}],
  ])('may have RabbitMQ’s other names, and those of its modules: %s', (line, expected) => {
    expect(settings(line)).toMatchObject(expected)
    expect(() => settings(`${line}s`)).toThrow(/conf:1: .*: expected one of/)
  })

  it('come from the environment too, which wins over the file, and options over both', () => {
    const name = file('default_user = a\nlisteners.tcp.default = 1')
    const overrides = [{ key: 'listeners.tcp.default', value: '3', origin: '--port' }]
    const environment = {
      RABBITMQ_DEFAULT_USER: 'b',
      RABBITMQ_NODE_PORT: '2',
      RABBITMQ_DEFAULT_PASS: 'hidden',
    }
    const loaded = loadConfig(name, environment, overrides)
    expect(loaded.draft.settings()).toMatchObject({ defaultUser: { name: 'b' }, listeners: [{ port: 3 }] })
    expect(effectiveText(loaded)).toBe(
      'default_user = b  # environment RABBITMQ_DEFAULT_USER\nlisteners.tcp.default = 3  # --port\ndefault_pass = ********  # environment RABBITMQ_DEFAULT_PASS\n',
    )
  })

  it('are shown without secrets, and with values that only have a name like one', () => {
    const name = file(
      'password_hashing_module = leveret_scrypt\nauth_oauth2.token_endpoint = https://a.example/token\nssl_options.password = hidden\ncluster.secret = hidden',
    )
    expect(effectiveText(loadConfig(name, {}, [])).replaceAll(/ {2}# .*/g, '')).toBe(
      'password_hashing_module = leveret_scrypt\nauth_oauth2.token_endpoint = https://a.example/token\nssl_options.password = ********\ncluster.secret = ********\n',
    )
  })

  it('that do not exist, or whose values are wrong, are refused with file, line and the nearest one', () => {
    const wrong =
      (text: string): (() => Settings) =>
      () =>
        settings(text)
    expect(wrong('\nheartbeats = 3')).toThrow(
      /rabbitmq-\d+\.conf:2: unknown key 'heartbeats', did you mean 'heartbeat'\?/,
    )
    expect(wrong('heartbeat = soon')).toThrow(
      /conf:1: heartbeat: expected a whole number from 0 to 65535, found 'soon'/,
    )
    expect(wrong('listeners.tcp.1 = x')).toThrow("expected a port or address:port, found 'x'")
    expect(wrong('default_queue_type = lazy')).toThrow(
      "expected one of classic, quorum, stream, found 'lazy'",
    )
    for (const key of [
      'credential_validator.regexp',
      'default_permissions.write',
      'default_users.u.vhost_pattern',
      'default_limits.vhosts.a.pattern',
      'default_policies.operator.a.queue_pattern',
    ])
      expect(wrong(`${key} = (`)).toThrow(`:1: ${key}: invalid regular expression`)
    for (const key of ['default_user', 'default_vhost', 'cluster_name', 'product.name', 'product.version'])
      for (const value of ['', 'n'.repeat(256)])
        expect(wrong(`${key} = ${value}`)).toThrow(`:1: ${key}: expected a name of 1 to 255 octets, found '`)
    expect(wrong(`cluster.credentials = ${dir}`)).toThrow(`${dir} is not a regular file`)
    expect(wrong('management.http.max_body_size = 0')).toThrow(
      ":1: management.http.max_body_size: expected a size above 0, found '0'",
    )
    expect(wrong('listeners.ssl.1 = 5671')).toThrow('needs ssl_options.certfile')
    expect(() => loadConfig(join(dir, 'missing'), {}, [])).toThrow('cannot read the configuration file')
  })

  it('of clusters and plugins are accepted and told about', () => {
    const loaded = loadConfig(
      file('cluster_partition_handling = autoheal\nmqtt.listeners.tcp.1 = 1883'),
      {},
      [],
    )
    expect(loaded.ignored.map((e) => e.key)).toEqual(['cluster_partition_handling', 'mqtt.listeners.tcp.1'])
  })
})

describe('on the command line', () => {
  it('a wrong file stops the start with 78', async () => {
    const r = await runCli(['--config', file('hartbeat = 1')])
    expect([r.code, r.stderr]).toEqual([78, expect.stringContaining("did you mean 'heartbeat'?")])
  })

  it('a log that cannot be written stops it too, with one line', async () => {
    const r = await runCli(['--config', file(`log.file = ${dir}`)])
    expect([r.code, r.stderr]).toEqual([
      78,
      expect.stringMatching(/^leveret: log\.file: cannot write to .*\n$/),
    ])
  })

  it('config --effective prints what is in force', async () => {
    const name = file('heartbeat = 7')
    const r = await runCli(['config', '--effective', '--config', name, '--port', '1'])
    expect(r).toMatchObject({
      code: 0,
      stdout: `heartbeat = 7  # ${name}:1\nlisteners.tcp.default = 1  # --port\n`,
    })
  })

  it('SIGHUP takes the limits that have changed', async () => {
    const name = file('vm_memory_high_watermark.absolute = 1TB')
    const p = await startProcess(join(dir, 'reload'), 0, ['--config', name])
    const w = await Wire.open(p.url, { capabilities: { 'connection.blocked': true } })
    await w.channel(1)
    writeFileSync(name, 'vm_memory_high_watermark.absolute = 1KB')
    p.child.kill('SIGHUP')
    await until(() => p.lines.some((l) => l.includes('certificates reloaded')), 'the reload')
    w.publish(1, { routingKey: 'nowhere' })
    expect((await w.expect(0, MethodId.ConnectionBlocked)).reason).toBe('low on memory')
    const shown = (): Promise<{ stdout: string }> =>
      runCli(['environment', '--data-dir', join(dir, 'reload')])
    expect((await shown()).stdout).toContain('vm_memory_high_watermark.absolute = 1KB')
    writeFileSync(name, 'vm_memory_high_watermark.absolute = 1TB')
    p.child.kill('SIGHUP')
    await w.expect(0, MethodId.ConnectionUnblocked)
    writeFileSync(name, 'nonsense')
    p.child.kill('SIGHUP')
    await until(() => p.lines.some((l) => l.includes('what was in force stays')), 'the complaint')
    expect((await shown()).stdout).toContain('vm_memory_high_watermark.absolute = 1TB')
    w.socket.destroy()
    expect(await p.stop('SIGTERM')).toBe(0)
  })

  it('the log goes to a file, with levels by category', async () => {
    const log = join(dir, 'log', 'leveret.log')
    const name = file(`log.file = ${log}\nlog.connection.level = error\nlog.queue.level = debug`)
    const p = await startProcess(join(dir, 'logged'), 0, ['--config', name])
    const w = await Wire.open(p.url)
    await w.channel(1)
    const queue = { queue: 'brief', autoDelete: true }
    await w.call(1, MethodId.QueueDeclare, queue, MethodId.QueueDeclareOk)
    await w.call(1, MethodId.BasicConsume, { queue: 'brief', consumerTag: 'c' }, MethodId.BasicConsumeOk)
    await w.call(1, MethodId.BasicCancel, { consumerTag: 'c' }, MethodId.BasicCancelOk)
    w.send(1, MethodId.BasicConsume, { queue: 'brief' })
    await w.channelError(1)
    await w.close()
    expect(await p.stop('SIGTERM')).toBe(0)
    const text = readFileSync(log, 'utf8')
    expect(text).toContain('ready: amqp://')
    expect(text).not.toContain('connection opened')
    expect(text).toContain('channel error')
    expect(text).toContain('"category":"queue"')
  })

  it('each connection has a line when it opens, with its user, and one when it ends, with the reason', async () => {
    const p = await startProcess(join(dir, 'lines'))
    const w = await Wire.open(p.url)
    await w.close()
    await Wire.open(p.url, { password: 'wrong' }).catch(() => {})
    expect(await p.stop('SIGTERM')).toBe(0)
    const lines = p.lines.map((l) => JSON.parse(l) as Record<string, unknown>)
    expect(lines.find((l) => l['msg'] === 'connection opened')).toMatchObject({ user: 'guest', vhost: '/' })
    expect(lines.find((l) => l['msg'] === 'connection closed')).toMatchObject({
      user: 'guest',
      reason: 'the client closed the connection',
    })
    expect(lines.some((l) => l['msg'] === 'login refused')).toBe(true)
    expect(p.lines.join('')).not.toContain('wrong')
  })
})
