/** What keys do in a running broker. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { alternativeName } from '../../src/connection/login.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { table, Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-effects-'))
const running: RunningNode[] = []
let folders = 0
afterAll(() => rmSync(dir, { recursive: true, force: true }))
afterEach(async () => {
  for (const l of running.splice(0)) await l.close()
})

async function start(text: string, dataDir = join(dir, `data-${folders++}`)): Promise<RunningNode> {
  const ports = 'listeners.tcp.1 = 127.0.0.1:0\nmanagement.tcp.port = 0\nprometheus.tcp.port = 0\n'
  const { draft } = loadConfig(undefined, {}, parseConfig(ports + text, 'f'))
  draft.bind = '127.0.0.1'
  draft.dataDir = dataDir
  const leveret = await RunningNode.start(draft.settings(), oneForAll(silent))
  running.push(leveret)
  return leveret
}

async function http(leveret: RunningNode, path: string, options: RequestInit = {}): Promise<Response> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
  return await fetch(`http://127.0.0.1:${leveret.managementPort}${path}`, {
    ...options,
    headers: { authorization, 'content-type': 'application/json', ...options.headers },
  })
}

const put = (body: unknown): RequestInit => ({ method: 'PUT', body: JSON.stringify(body) })

describe('the HTTP side', () => {
  it('has a prefix, headers and a limit of bodies', async () => {
    const l = await start(`management.path_prefix = /rabbit
      management.hsts.policy = max-age=3600
      management.headers.frame_options = DENY
      management.http.max_body_size = 1000`)
    const answer = await http(l, '/rabbit/api/whoami')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('strict-transport-security')).toBe('max-age=3600')
    expect(answer.headers.get('x-frame-options')).toBe('DENY')
    expect((await http(l, '/api/whoami')).status).toBe(404)
    for (const query of ['', '?a=b']) {
      const page = await http(l, `/rabbit${query}`, { redirect: 'manual' })
      expect([page.status, page.headers.get('location')]).toEqual([308, `/rabbit/${query}`])
    }
    expect((await http(l, '/rabbit/api/users/joe', put({ tags: 'x'.repeat(2000) }))).status).toBe(413)
  })

  it('allows pages of other origins, those that are named', async () => {
    const l = await start(`management.cors.allow_origins.1 = https://dash.example
      management.cors.allow_origins.2 = http://localhost:3000
      management.cors.max_age = 60
      management.path_prefix = /mq`)
    const ask = (origin: string, method = 'GET'): Promise<Response> =>
      http(l, '/mq/api/queues/%2F/q', {
        method,
        headers: { origin, 'access-control-request-headers': 'authorization' },
      })
    const preflight = await ask('https://dash.example', 'OPTIONS')
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': 'https://dash.example',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'HEAD, GET, PUT, DELETE, OPTIONS',
      'access-control-allow-headers': 'authorization',
      'access-control-max-age': '60',
    })
    const allowed = async (origin: string): Promise<string | null> =>
      (await ask(origin)).headers.get('access-control-allow-origin')
    expect(await allowed('http://localhost:3000')).toBe('http://localhost:3000')
    for (const origin of ['https://evil.example', 'null']) expect(await allowed(origin)).toBeNull()
    const all = await start('management.cors.allow_origins.any = *')
    const { headers } = await http(all, '/api/whoami', { headers: { origin: 'https://x.example' } })
    expect(headers.get('access-control-allow-origin')).toBe('https://x.example')
    const none = await http(await start(''), '/api/whoami', { headers: { origin: 'https://x.example' } })
    expect(none.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('leaves numbers out where it is told to, and keeps the lengths of queues', async () => {
    const l = await start('management.disable_stats = true\nmanagement.enable_queue_totals = true')
    await http(l, '/api/queues/%2F/q', put({}))
    const [queue] = (await (await http(l, '/api/queues')).json()) as [Record<string, unknown>]
    expect([queue['name'], queue['messages'], queue['message_stats']]).toEqual(['q', 0, undefined])
    expect((await http(l, '/api/channels')).status).toBe(400)
    expect(await (await http(l, '/api/overview')).json()).toMatchObject({
      disable_stats: true,
      enable_queue_totals: true,
    })
  })

  it('has the metrics elsewhere, and by object', async () => {
    const l = await start('prometheus.path = /figures\nprometheus.return_per_object_metrics = true')
    const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${l.ports[0]}`)
    await w.close()
    const get = async (path: string) => await fetch(`http://127.0.0.1:${l.metricsPort}${path}`)
    await http(l, '/api/vhosts/v', put({}))
    expect(await (await get('/figures')).text()).toContain(
      'rabbitmq_exchange_messages_published_total{vhost="v"',
    )
    expect((await get('/figures/detailed?family=queue_metrics')).status).toBe(200)
    expect((await get('/metrics')).status).toBe(404)
  })
})

describe('relaxed checks on redeclaration', () => {
  const declare = async (l: RunningNode, args: Parameters<typeof table>[0], more = {}): Promise<string> => {
    const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${l.ports[0]}`)
    await w.channel(1)
    w.send(1, MethodId.QueueDeclare, { queue: 'q', durable: true, ...more, arguments: table(args) })
    const { method } = await w.next(1)
    await w.close()
    return method.id === MethodId.QueueDeclareOk ? 'ok' : (method as { replyText: string }).replyText
  }
  const text = 'quorum_queue.property_equivalence.relaxed_checks_on_redeclaration = '

  it('let applications ask for a classic queue where there is a quorum queue', async () => {
    const l = await start(`${text}true`)
    expect(await declare(l, { 'x-queue-type': 'quorum', 'x-max-length': 5 })).toBe('ok')
    // As in RabbitMQ: what a quorum queue has no choice in, and its type, are not compared; its arguments are.
    for (const [args, more] of [
      [{ 'x-queue-type': 'classic' }, {}],
      [{}, {}],
      [{ 'x-queue-type': 'classic' }, { durable: false }],
      [{}, { durable: false }],
      [{ 'x-queue-type': 'classic' }, { exclusive: true }],
      [{ 'x-queue-type': 'classic' }, { autoDelete: true }],
      [{ 'x-queue-type': 'classic', 'x-max-priority': 4 }, {}],
    ] as const)
      expect([args, more, await declare(l, { ...args, 'x-max-length': 5 }, more)]).toEqual([args, more, 'ok'])
    expect(await declare(l, { 'x-queue-type': 'classic' })).toContain("inequivalent arg 'x-max-length'")
    expect(await declare(l, { 'x-queue-type': 'classic', 'x-max-length': 6 })).toContain("received '6'")
    expect(await declare(l, {}, { queue: 'c' })).toBe('ok')
    expect(await declare(l, { 'x-queue-type': 'quorum' }, { queue: 'c' })).toContain("'x-queue-type'")
  })

  it('are off unless they are asked for', async () => {
    const l = await start('')
    expect(await declare(l, { 'x-queue-type': 'quorum' })).toBe('ok')
    expect(await declare(l, { 'x-queue-type': 'classic' })).toContain("inequivalent arg 'x-queue-type'")
  })
})

describe('limits of the node', () => {
  it('channels, vhosts, queues and exchanges', async () => {
    const l = await start(
      'channel_max_per_node = 2\nvhost_max = 1\ncluster_queue_limit = 1\ncluster_exchange_limit = 8',
    )
    expect((await http(l, '/api/vhosts/a', put({}))).status).toBe(400)
    expect((await http(l, '/api/queues/%2F/a', put({}))).status).toBe(201)
    const refused = await http(l, '/api/queues/%2F/b', put({}))
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain("cannot declare queue 'b': queue limit in cluster (1) is reached")
    expect((await http(l, '/api/exchanges/%2F/x1', put({ type: 'fanout' }))).status).toBe(201)
    expect((await http(l, '/api/exchanges/%2F/x2', put({ type: 'fanout' }))).status).toBe(400)
    const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${l.ports[0]}`)
    await w.channel(1)
    await w.channel(2)
    w.send(3, MethodId.ChannelOpen)
    expect(await w.expect(0, MethodId.ConnectionClose)).toMatchObject({
      replyCode: 530,
      replyText: expect.stringContaining('has reached the maximum allowed limit of (2)'),
    })
    w.socket.destroy()
  })
})

describe('each new vhost', () => {
  it('begins with limits, operator policies and users', async () => {
    const text = `default_limits.vhosts.1.pattern = ^team-
      default_limits.vhosts.1.max_queues = 3
      default_limits.vhosts.1.max_connections = 4
      default_policies.operator.ttl.vhost_pattern = ^team-
      default_policies.operator.ttl.queue_pattern = .*
      default_policies.operator.ttl.message_ttl = 1m
      default_users.ops.vhost_pattern = ^team-
      default_users.ops.password = geheim
      default_users.ops.tags = monitoring, policymaker
      default_users.ops.configure = .*
      default_users.ops.read = ^r`
    const folder = join(dir, 'defaults')
    const l = await start(text, folder)
    expect(l.users.get('ops')).toBeUndefined()
    expect((await http(l, '/api/vhosts/team-a', put({}))).status).toBe(201)
    expect((await http(l, '/api/vhosts/other', put({}))).status).toBe(201)
    const check = (on: RunningNode): void => {
      expect(on.broker.vhosts.get('team-a')?.limits).toEqual({ 'max-queues': 3, 'max-connections': 4 })
      expect(on.broker.vhosts.get('other')?.limits).toEqual({})
      expect(on.users.get('ops')?.tags).toEqual(['monitoring', 'policymaker'])
      expect(on.users.permission('ops', 'team-a')).toMatchObject({ configure: '.*', write: '', read: '^r' })
      expect(on.users.permission('ops', 'other')).toBeUndefined()
    }
    check(l)
    const policies = (await (await http(l, '/api/operator-policies')).json()) as object[]
    expect(policies).toEqual([
      expect.objectContaining({ vhost: 'team-a', name: 'ttl', definition: { 'message-ttl': 60_000 } }),
    ])
    running.splice(0)
    await l.close()
    // What an operator changes afterwards stays changed.
    check(await start('', folder))
  })
})

describe('passwords', () => {
  it.each([
    ['min_password_length\ncredential_validator.min_length = 10', 'short', 'longer than ten'],
    ['password_regexp\ncredential_validator.regexp = ^[a-z]+[0-9]$', 'letters', 'letters1'],
  ])('%s', async (rule, bad, good) => {
    const l = await start(`credential_validator.validation_backend = rabbit_credential_validator_${rule}`)
    expect((await http(l, '/api/users/joe', put({ password: bad, tags: '' }))).status).toBe(400)
    expect(l.users.get('joe')).toBeUndefined()
    expect((await http(l, '/api/users/joe', put({ password: good, tags: '' }))).status).toBe(201)
  })
})

describe('password_hashing_module', () => {
  it.each([
    ['', 'rabbit_password_hashing_sha256'],
    ['password_hashing_module = rabbit_password_hashing_sha256', 'rabbit_password_hashing_sha256'],
    ['password_hashing_module = rabbit_password_hashing_sha512', 'rabbit_password_hashing_sha512'],
    ['password_hashing_module = leveret_scrypt', 'leveret_scrypt'],
  ])('%j: new passwords, those of the configuration among them, are kept as %s', async (text, algorithm) => {
    const l = await start(`${text}\ndefault_user = ann\ndefault_pass = secret`)
    expect(l.users.get('ann')?.password.algorithm).toBe(algorithm)
    const authorization = { headers: { authorization: `Basic ${btoa('ann:secret')}` } }
    const body = put({ password: 'letters', tags: '' })
    expect((await http(l, '/api/users/joe', { ...body, ...authorization })).status).toBe(201)
    expect(l.users.get('joe')?.password.algorithm).toBe(algorithm)
    const definitions = (await (await http(l, '/api/definitions', authorization)).json()) as {
      users: object[]
    }
    expect(definitions.users).toContainEqual(
      algorithm === 'leveret_scrypt'
        ? expect.not.objectContaining({ password_hash: expect.anything() })
        : expect.objectContaining({ name: 'joe', hashing_algorithm: algorithm }),
    )
  })

  it.each(['rabbit_password_hashing_md5', 'nosuch'])('%s is refused', async (value) => {
    await expect(start(`password_hashing_module = ${value}`)).rejects.toThrow(
      /password_hashing_module.*expected rabbit_password_hashing_sha256/s,
    )
  })
})

describe('definitions', () => {
  const folder = join(dir, 'definitions')
  mkdirSync(folder)
  const write = (name: string, queue: string): void =>
    writeFileSync(
      join(folder, name),
      JSON.stringify({
        queues: [{ vhost: '/', name: queue, durable: true, auto_delete: false, arguments: {} }],
      }),
    )

  it('come from the files of a folder, and again only when they have changed', async () => {
    write('1.json', 'one')
    write('2.json', 'two')
    writeFileSync(join(folder, 'notes.txt'), 'nonsense')
    const text = `management.load_definitions = ${folder}\ndefinitions.skip_if_unchanged = true`
    const data = join(dir, 'skips')
    const restart = async (): Promise<RunningNode> => {
      for (const l of running.splice(0)) await l.close()
      return await start(text, data)
    }
    const queues = (l: RunningNode): string[] => [...(l.broker.vhosts.get('/')?.queues.keys() ?? [])].sort()
    let l = await restart()
    expect(queues(l)).toEqual(['one', 'two'])
    await http(l, '/api/queues/%2F/one', { method: 'DELETE' })
    l = await restart()
    expect(queues(l)).toEqual(['two'])
    write('2.json', 'three')
    l = await restart()
    expect(queues(l)).toEqual(['one', 'three', 'two'])
  })
})

describe('a name for EXTERNAL', () => {
  it('can be one of the alternative names', () => {
    const names = 'DNS:a.example, DNS:b.example, email:joe@example, IP Address:127.0.0.1, URI:"x:y,z"'
    expect(alternativeName(names, { type: 'dns', index: 0 })).toBe('a.example')
    expect(alternativeName(names, { type: 'dns', index: 1 })).toBe('b.example')
    expect(alternativeName(names, { type: 'dns', index: 2 })).toBeUndefined()
    expect(alternativeName(names, { type: 'email', index: 0 })).toBe('joe@example')
    expect(alternativeName(names, { type: 'ip', index: 0 })).toBe('127.0.0.1')
    expect(alternativeName(names, { type: 'uri', index: 0 })).toBe('x:y,z')
  })
})
