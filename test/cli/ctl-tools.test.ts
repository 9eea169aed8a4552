/** RabbitMQ's tools by their names: what they find, what they print, and how they end. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { rabbitTools } from '../../src/cli/tool-names.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { RABBITMQ_VERSION } from '../../src/util/rabbitmq-version.ts'
import { runCommand, useCommands } from '../support/ctl.ts'
import { type Finished, runCli } from '../support/process.ts'
import { CH, declareQueue, session } from '../support/session.ts'

const broker = useCommands()
const { dir } = broker
const ctl = broker.run.bind(broker)
const out = broker.out.bind(broker)

describe("RabbitMQ's tools", () => {
  it('find the broker by the environment, under the names of all tools, with options in front', async () => {
    const run = (name: string, args: string[]): Promise<Finished> => {
      const link = join(dir, `link-${name}`, name)
      if (!existsSync(link)) {
        mkdirSync(join(dir, `link-${name}`))
        symlinkSync(resolve('bin/leveret.js'), link)
      }
      return runCli(args, link, { LEVERET_DATA_DIR: dir })
    }
    vi.stubEnv('LEVERET_DATA_DIR', dir)
    onTestFinished(() => void vi.unstubAllEnvs())
    const args = ['-q', '-n', 'rabbit@here', '-t', '30', 'list_users', '-s']
    const asProcesses: string[] = ['rabbitmqctl', 'rabbitmq-queues']
    expect(rabbitTools).toEqual(expect.arrayContaining(asProcesses))
    for (const name of rabbitTools) {
      const r = await (asProcesses.includes(name) ? run(name, args) : runCommand(args, name))
      expect([name, r.code, r.stdout, r.stderr]).toEqual([
        name,
        0,
        expect.stringContaining('guest\t[administrator]\n'),
        '',
      ])
    }
    expect((await run('rabbitmq-plugins', ['is_enabled', 'rabbitmq_management'])).code).toBe(0)
    expect((await run('rabbitmq-plugins', ['is_enabled', 'rabbitmq_mqtt'])).code).toBe(69)
    expect((await run('rabbitmq-queues', ['peek', 'nosuch', '1'])).code).toBe(69)
    expect((await run('rabbitmqctl', ['version'])).stdout).toBe(`${RABBITMQ_VERSION}\n`)
    expect((await runCli(['-q', 'ping'], undefined, { LEVERET_DATA_DIR: dir })).stdout).toBe(
      'Ping succeeded\n',
    )
  })

  it('show the configuration and the log, and set what is logged', async () => {
    expect(await out('environment')).toContain('listeners.tcp.default = 127.0.0.1:0  # --port\n')
    expect(JSON.parse(await out('environment', '--formatter', 'json'))).toContainEqual({
      key: 'listeners.tcp.default',
      value: '127.0.0.1:0',
      origin: '--port',
    })
    expect(await out('log_tail', '-N', '1000', '-q')).toContain('ready: amqp://')
    expect(await out('log_tail', '-q', '--number', '0')).toBe('')
    expect(await out('log_location', '-q')).toBe('<stdout>\n')
    await out('set_log_level', 'debug')
    await out('set_log_level', 'connection', 'error')
    await out('set_log_level', 'info')
    for (const args of [['nosuch'], ['nosuch', 'info']])
      expect([args, (await ctl('set_log_level', ...args)).code]).toEqual([args, 69])
    expect((await ctl('rotate_logs')).stderr).toContain('the log is not written to a file')
    const report = await out('report')
    expect(report).toContain('Configuration\n\n')
    expect(report).not.toMatch(/password_hash":"[^*]/)
    expect(await out('memory_breakdown', '--unit', 'MB', '-q')).toMatch(/^[a-z_]+: [\d.]+ mb \([\d.]+%\)\n/)
    expect((await ctl('memory_breakdown', '--unit', 'stones')).code).toBe(64)
    expect(await out('alarms', '-q')).toMatch(/^Node .* reported no alarms, local or clusterwide\n$/)
    for (const name of [
      'is_running',
      'is_booting',
      'tls_versions',
      'erlang_version',
      'os_env',
      'list_network_interfaces',
    ])
      expect(await out(name, '-q')).not.toBe('')
    expect(await out('list_node_auth_attempt_stats', '-s')).toContain('amqp091\t')
    expect(await out('list_deprecated_features', '-s', 'name')).toContain('global_qos\n')
  })

  it.each([
    ['list_vhost_limits -q', 65],
    ['list_parameters -q', 65],
    ['set_vhost_limits {"max-queues":1}', 65],
    ['clear_vhost_limits', 65],
    ['clear_permissions guest', 65],
    ['clear_topic_permissions guest', 65],
    ['restart_vhost', 65],
    ['list_unresponsive_queues -q', 65],
    ['list_policies_that_match q -q', 65],
    ['set_policy p . {"max-length":1}', 65],
    ['set_operator_policy p . {"max-length":1}', 65],
    ['set_parameter shovel s {}', 65],
    ['redrive q', 65],
    ['publish q text', 65],
    ['get q', 65],
    ['peek q', 65],
    ['diagnose_queue q -q', 65],
    ['route_message key', 65],
    ['delete_parked_message q 1', 65],
  ])('say of %s that the vhost does not exist', async (line, code) => {
    const r = await ctl(...line.split(' '), '-p', 'nowhere')
    expect([r.code, r.stderr]).toEqual([code, "Error:\nVirtual host 'nowhere' does not exist\n"])
  })

  it.each([
    ['list_user_limits -q --user nobody', 69],
    ['set_user_limits nobody {"max-channels":1}', 67],
    ['clear_user_limits nobody all', 67],
    ['clear_permissions nobody', 67],
    ['clear_topic_permissions nobody', 67],
  ])('say of %s that the user does not exist', async (line, code) => {
    const r = await ctl(...line.split(' '))
    expect([r.code, r.stderr]).toEqual([code, 'Error:\nUser "nobody" does not exist\n'])
  })

  it.each(['peek', 'diagnose_queue -q', 'get'])('say of %s that the queue does not exist', async (line) => {
    const r = await ctl(...line.split(' '), 'nothing')
    expect([r.code, r.stderr]).toEqual([65, "Error:\nno queue 'nothing' in vhost '/'\n"])
  })

  it.each(['guest', 'nobody'])('say of %s and a wrong password that they do not fit', async (name) => {
    const r = await ctl('authenticate_user', name, 'wrong')
    expect([r.code, r.stderr]).toEqual([
      65,
      `Error:\nfailed to authenticate user "${name}"\nuser '${name}' - invalid credentials\n`,
    ])
  })

  it('take limits as a JSON object, and those of a vhost as a whole', async () => {
    const limits = () => out('list_vhost_limits', '-q')
    await out('set_vhost_limits', '{"max-queues":70,"max-connections":50}')
    await out('set_vhost_limits', '{"max-queues":80}')
    expect(await limits()).toBe('{"max-queues":80}\n')
    for (const [command, text] of [
      [['set_vhost_limits', '5'], 'the limits are not a JSON object'],
      [['set_vhost_limits', '[]'], 'the limits are not a JSON object'],
      [['set_user_limits', 'guest', 'null'], 'the limits are not a JSON object'],
      [
        ['set_vhost_limits', '{"max-queues":1,"max-foo":1}'],
        "unrecognised limit 'max-foo'; there are max-connections, max-queues",
      ],
    ] as const) {
      const r = await ctl(...command)
      expect([command, r.code, r.stderr]).toEqual([command, 69, `Error:\n${text}\n`])
    }
    expect(await limits()).toBe('{"max-queues":80}\n')
    await out('clear_vhost_limits')
    await out('clear_vhost_limits')
    expect(await limits()).toBe('{}\n')
  })

  it('tell what has changed, in the words of rabbitmqctl and with its exit codes', async () => {
    expect(await out('add_user', 'dora', 'secret')).toMatch(/^Adding user "dora" \.\.\.\nDone\. /)
    for (const [args, code, text] of [
      [['add_user', 'dora', 'secret'], 70, 'User "dora" already exists'],
      [['delete_user', 'nobody'], 67, 'User "nobody" does not exist'],
      [['change_password', 'nobody', 'x'], 67, 'User "nobody" does not exist'],
      [['set_user_tags', 'nobody', 'monitoring'], 67, 'User "nobody" does not exist'],
      [['set_permissions', 'nobody', '', '', ''], 67, 'User "nobody" does not exist'],
      [['set_permissions', '-p', 'nowhere', 'dora', '', '', ''], 65, "Virtual host 'nowhere' does not exist"],
      [['delete_vhost', 'nowhere'], 65, "Virtual host 'nowhere' does not exist"],
      [['update_vhost_metadata', 'nowhere'], 65, "Virtual host 'nowhere' does not exist"],
      [['clear_policy', 'nosuch'], 69, 'Parameter does not exist'],
      [['clear_global_parameter', 'nosuch'], 69, 'Parameter does not exist'],
      [['clear_parameter', 'federation', 'nosuch'], 69, 'Parameter does not exist'],
      [['trace_on', '-p', 'nowhere'], 65, "Virtual host 'nowhere' does not exist"],
      [['set_vhost_tags', 'nowhere', 'a'], 65, "Virtual host 'nowhere' does not exist"],
      [['list_permissions', '-p', 'nowhere', '-q'], 65, "Virtual host 'nowhere' does not exist"],
      [['export_definitions', '/nosuch/x.json'], 65, 'cannot write /nosuch/x.json: ENOENT'],
      [['set_policy', 'p', '.*', '{bad'], 69, 'the definition is not JSON'],
      [
        ['set_policy', 'p', '.*', '{"nope":5}'],
        69,
        'Validation failed\n\n[{<<"nope">>,5}] are not recognised policy settings\n',
      ],
      [['list_user_permissions', 'nobody'], 69, 'User "nobody" does not exist'],
      [['delete_queue', 'nosuch'], 64, 'Queue not found'],
      [['purge_queue', 'nosuch'], 65, 'Object (queue, stream, exchange, etc) was not found'],
      [['list_queues', '-q', '-p', 'nowhere'], 65, "Virtual host 'nowhere' does not exist"],
      [['close_connection', 'nosuch', 'why'], 69, "There is no connection 'nosuch'"],
      ...['delete_shovel', 'restart_shovel'].map(
        (name) =>
          [[name, 'nosuch'], 69, "Shovel with the given name was not found in virtual host '/'"] as const,
      ),
      [['quorum_status', 'nosuch'], 69, 'not_found'],
      [['import_definitions', '/nosuch.json'], 65, 'File /nosuch.json does not exist'],
      [
        ['set_policy', '--priority', 'high', 'p', '.*', '{}'],
        64,
        "--priority takes a whole number, not 'high'",
      ],
    ] as const) {
      const r = await ctl(...args)
      expect([args, r.code, r.stderr]).toEqual([args, code, `Error:\n${text}\n`])
    }
    for (const what of ['clear_permissions', 'clear_topic_permissions']) await out(what, 'dora')
    expect(await out('list_vhosts', '-s')).toBe('/\n')
    await out('delete_user', 'dora')
    const hash = (await out('hash_password', '-q', 'secret')).trim()
    await out('add_user', '--pre-hashed-password', 'emil', hash)
    expect(await out('authenticate_user', '-q', 'emil', 'secret')).toBe('Success\n')
    await out('delete_user', 'emil')
  })

  it('take the options of rabbitmqctl that stand before everything', async () => {
    expect(await out('--version')).toBe(await out('version'))
    expect((await ctl('ctl')).code).toBe(64)
    expect(await out('add_user', 'dry', 'pw', '--dry-run')).toBe('Adding user "dry" ...\n')
    expect(await out('list_users', '-s', '--print-stacktrace')).not.toContain('dry')
    expect((await ctl('add_user', '--dry-run')).code).toBe(64)
  })

  it('show the node and the cluster with the names that scripts read', async () => {
    const cluster = JSON.parse(await out('cluster_status', '--formatter', 'json'))
    const [node] = cluster.running_nodes
    expect(cluster).toMatchObject({
      disk_nodes: [node],
      ram_nodes: [],
      partitions: {},
      alarms: [],
      versions: { [node]: { rabbitmq_name: 'RabbitMQ', rabbitmq_version: expect.any(String) } },
      maintenance_status: { [node]: 'not under maintenance' },
      listeners: { [node]: expect.any(Array) },
      cpu_cores: { [node]: expect.any(Number) },
      feature_flags: expect.arrayContaining([{ name: 'quorum_queue', state: 'enabled' }]),
    })
    expect(JSON.parse(await out('status', '--formatter', 'json'))).toMatchObject({
      rabbitmq_version: expect.any(String),
      pid: expect.any(Number),
      uptime: expect.any(Number),
      alarms: [],
      disk_free: expect.any(Number),
      vm_memory_limit: expect.any(Number),
      file_descriptors: { total_limit: expect.any(Number), total_used: expect.any(Number) },
      totals: { connection_count: expect.any(Number), queue_count: 0, virtual_host_count: 1 },
      memory: { total: { rss: expect.any(Number) }, code: expect.any(Number), strategy: 'rss' },
      listeners: expect.arrayContaining([
        {
          node,
          interface: expect.any(String),
          port: expect.any(Number),
          protocol: 'amqp',
          purpose: 'AMQP 0-9-1',
        },
      ]),
      vm_memory_high_watermark_setting: { absolute: expect.any(Number) },
    })
    expect(await out('cluster', 'status')).toBe(`Node ${node} runs alone: it belongs to no cluster.\n`)
    const text = await out('cluster_status', '-q')
    for (const section of [
      `Basics\n\nCluster name: ${node}\n`,
      `\nRunning Nodes\n\n${node}\n`,
      `\nMaintenance status\n\nNode: ${node}, status: not under maintenance\n`,
      '\nAlarms\n\n(none)\n',
      '\nNetwork Partitions\n\n(none)\n',
      'protocol: amqp, purpose: AMQP 0-9-1\n',
      '\nFlag: quorum_queue, state: enabled\n',
    ])
      expect(text).toContain(section)
  })

  it('check the health in sentences that name the node, and what was found instead', async () => {
    const { node } = JSON.parse(await out('listeners', '--formatter', 'json')) as { node: string }
    const [line = ''] = (await out('listeners', '-q')).split('\n')
    const port = /^Interface: \[.+\], port: (\d+), protocol: amqp, purpose: AMQP 0-9-1$/.exec(line)?.[1] ?? ''
    for (const [args, text] of [
      [['check_running'], `RabbitMQ on node ${node} is fully booted and running`],
      [['check_alarms'], `Node ${node} reported no alarms, local or clusterwide`],
      [['check_local_alarms'], `Node ${node} reported no local alarms`],
      [['check_virtual_hosts'], `Node ${node} reported all vhosts as running`],
      [['check_port_listener', port], `A listener for port ${port} is running on node ${node}.`],
      [['check_protocol_listener', 'amqp'], `A listener for protocol amqp is running on node ${node}.`],
      [['node_health_check'], 'Health check passed'],
    ] as const)
      expect([args, await out(...args, '-q')]).toEqual([args, `${text}\n`])
    expect(await out('check_port_connectivity', '-q')).toContain(port)
    for (const [args, text] of [
      [['check_port_listener', '1'], `Found listeners that use the following ports: ${port},`],
      [['check_protocol_listener', 'mqtt'], 'Found listeners for the following protocols: amqp, '],
    ] as const) {
      const r = await ctl(...args)
      expect([args, r.code, r.stderr]).toEqual([args, 69, expect.stringContaining(text)])
    }
  })

  it('leave alone what they do not know, and what another vhost has', async () => {
    for (const [tool, args, code] of [
      ['rabbitmq-queues', ['rebalance', 'nosuch'], 69],
      ['rabbitmq-plugins', ['enable', 'nosuch'], 70],
      ['rabbitmqctl', ['set_vm_memory_high_watermark', '2'], 65],
      ['rabbitmq-upgrade', ['await_online_synchronized_mirror', '-t', '5'], 0],
    ] as const)
      expect([args, (await runCommand([...args, '--data-dir', dir], tool)).code]).toEqual([args, code])
    const w = await session(broker)
    await out('add_vhost', 'other')
    expect(await out('close_all_connections', '-q', '-p', 'other', 'why')).toBe('Closed 0 connections\n')
    await out('delete_vhost', 'other')
    expect(await out('close_all_connections', '-q', 'why')).toMatch(/^Closed [1-9]\d* connections\n$/)
    await w.expect(0, MethodId.ConnectionClose)
    expect(await out('list_user_limits', '-q', '--user', 'guest')).toBe('{}\n')
    const lines = (await out('list_vhosts', 'name', '--formatter', 'json')).split('\n')
    expect(lines).toEqual(['[', '{"name":"/"}', ']', ''])
  })

  it('name users whose hash other brokers cannot read when they export', async () => {
    const file = join(dir, 'scrypt.json')
    const user = { name: 'scry', leveret_password_hash: Buffer.alloc(48, 1).toString('base64'), tags: [] }
    writeFileSync(file, JSON.stringify({ users: [user] }))
    await out('import_definitions', file)
    const exported = await ctl('export_definitions', '-')
    expect(exported.stderr).toContain('user scry: only Leveret can read this password hash')
    const { users } = JSON.parse(exported.stdout) as { users: { name: string }[] }
    expect(users.find((u) => u.name === 'scry')).not.toHaveProperty('password_hash')
    await out('delete_user', 'scry')
  })

  it('delete queues under conditions, and close connections', async () => {
    const w = await session(broker)
    const q = await declareQueue(w, { exclusive: false })
    const deprecated = await ctl('check_if_any_deprecated_features_are_used')
    expect([deprecated.code, deprecated.stderr]).toEqual([
      69,
      expect.stringContaining('transient_nonexcl_queues'),
    ])
    w.publish(CH, { routingKey: q, body: 'x' })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    expect((await ctl('delete_queue', '-e', q)).stderr).toContain('not empty')
    await out('purge_queue', q)
    expect(await out('delete_queue', '-e', '-u', q)).toBe(
      `Deleting queue '${q}' on vhost '/' if queue is empty and if queue is unused ...\n` +
        'Queue was successfully deleted with 0 ready messages\n',
    )
    expect(await out('list_queues', '--offline')).toBe(
      'Timeout: 60.0 seconds ...\nListing queues for vhost / ...\n',
    )
    expect(await out('list_queues', '-t', '5', '--offline')).toContain('Timeout: 5.0 seconds ...\n')
    expect(await out('list_unresponsive_queues', '-q')).toBe('')
    expect(await out('list_connections', '-s', 'client_properties')).toContain(
      '[{"capabilities",[{"consumer_cancel_notify",true},{"authentication_failure_close",true}]}]',
    )
    const closed = out('close_all_user_connections', '-q', 'guest', 'moving house')
    expect((await w.expect(0, MethodId.ConnectionClose)).replyText).toContain('moving house')
    w.send(0, MethodId.ConnectionCloseOk)
    expect(await closed).toMatch(/^Closed \d+ connections\n$/)
  })

  it('change what is known of a vhost', async () => {
    await out('add_vhost', 'meta', '--description', 'one', '--tags', 'a,b')
    await out('update_vhost_metadata', 'meta', '--description', 'two', '--protected-from-deletion', 'true')
    expect(await out('list_vhosts', '-s', 'name', 'description', 'tags')).toContain('meta\ttwo\t[a, b]\n')
    expect((await ctl('delete_vhost', 'meta')).code).not.toBe(0)
    await out('update_vhost_metadata', 'meta', '--protected-from-deletion', 'false')
    await out('restart_vhost', '-p', 'meta')
    await out('delete_vhost', 'meta')
  })

  it('end the broker', async () => {
    await out('shutdown')
    expect(await broker.process?.ended).toBe(0)
  })
})
