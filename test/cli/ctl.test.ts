import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commands } from '../../src/cli/ctl/commands.ts'
import { examples } from '../../src/cli/ctl/examples.ts'
import { stateCommands } from '../../src/cli/ctl/state.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { runCommand, useCommands } from '../support/ctl.ts'
import { type Finished, runCli, startProcess } from '../support/process.ts'
import { CH, declareQueue, session } from '../support/session.ts'
import { until } from '../support/until.ts'

const broker = useCommands()
const { dir } = broker
const ctl = broker.run.bind(broker)
const out = broker.out.bind(broker)

describe('commands of rabbitmqctl', () => {
  it('talk to the broker whose data folder they are given, without a password', async () => {
    /** As processes, which the others are not for the sake of time. */
    const out = async (...args: string[]): Promise<string> => {
      const r = await runCli([...args, '--data-dir', dir])
      expect([args, r.code, r.stderr]).toEqual([args, 0, ''])
      return r.stdout
    }
    expect(await out('ping', '-q')).toBe('Ping succeeded\n')
    expect(await out('status')).toContain('Leveret version')
    expect(statSync(join(dir, 'control.sock')).mode & 0o077).toBe(0)
    await out('await_startup')
    expect(await out('list_vhosts')).toBe('Listing vhosts ...\nname\n/\n')
    const r = await runCli(['ping', '--data-dir', join(dir, 'nowhere')])
    expect([r.code, r.stderr]).toEqual([69, expect.stringContaining('no broker answers at')])
  })

  it('need no HTTP API', async () => {
    const own = join(dir, 'without-api')
    const p = await startProcess(own)
    expect(p.lines[0]).not.toContain('managementPort')
    const run = (...args: string[]): Promise<Finished> => runCommand([...args, '--data-dir', own])
    const all = await Promise.all([run('add_vhost', 'v'), run('ping', '-q'), run('list_queues', '-q')])
    expect(all.map((r) => [r.code, r.stderr])).toEqual(all.map(() => [0, '']))
    expect((await run('list_vhosts', '-s')).stdout.split('\n').sort()).toEqual(['', '/', 'v'])
    expect(await p.stop('SIGTERM')).toBe(0)
    expect(existsSync(join(own, 'control.sock'))).toBe(false)
  })

  it('change rights of those who are connected at once', async () => {
    await out('add_user', 'present', 'secret')
    await out('set_permissions', 'present', '.*', '.*', '.*')
    const w = await session(broker, { user: 'present', password: 'secret' })
    const publish = async (): Promise<void> => {
      w.publish(CH, { exchange: 'amq.topic', routingKey: 'k' })
      await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    }
    await publish()
    await out('clear_permissions', 'present')
    w.publish(CH, { exchange: 'amq.topic', routingKey: 'k' })
    expect((await w.channelError(CH)).text).toContain("write access to exchange 'amq.topic'")
    await out('delete_user', 'present')
    expect((await w.connectionError()).text).toBe("CONNECTION_FORCED - user 'present' is deleted")
  })

  it('list with the columns asked for, in each format', async () => {
    const w = await session(broker)
    await declareQueue(w, { queue: 'listed, "q"' })
    w.publish(CH, { routingKey: 'listed, "q"' })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    expect(await out('ctl', '-p', '/', 'list_queues', '-q', 'name', 'messages')).toBe(
      'name\tmessages\nlisted, "q"\t1\n',
    )
    expect(await out('list_queues', '-s')).toBe('listed, "q"\t1\n')
    expect(await out('list_queues')).toBe(
      'Timeout: 60.0 seconds ...\nListing queues for vhost / ...\nname\tmessages\nlisted, "q"\t1\n',
    )
    expect(JSON.parse(await out('list_queues', '--formatter', 'json', 'name', 'consumers'))).toEqual([
      { name: 'listed, "q"', consumers: 0 },
    ])
    expect(await out('list_queues', '--formatter', 'csv')).toBe('"name","messages"\n"listed, ""q""","1"\n')
    expect(await out('list_connections', '-s', 'user', 'state')).toBe('guest\trunning\n')
    for (const which of [['--online'], ['--local'], ['--online', '--offline', '--local']])
      expect([which, await out('list_queues', '-s', ...which)]).toEqual([which, 'listed, "q"\t1\n'])
    const connection = (await out('list_connections', '-s', 'name')).trim()
    expect(await out('list_channels', '-s', 'connection', 'name')).toBe(
      `${connection}\t${connection} (${CH})\n`,
    )
  })

  it('change users, permissions, vhosts, policies and limits', async () => {
    await out('add_vhost', 'v')
    await out('add_user', 'carol', 'secret')
    await out('set_user_tags', 'carol', 'monitoring')
    await out('set_permissions', '-p', 'v', 'carol', '^c', '^w', '^r')
    expect(await out('list_permissions', '-p', 'v', '-s')).toBe('carol\t^c\t^w\t^r\n')
    expect(await out('list_users', '-s')).toContain('carol\t[monitoring]\n')
    await out('change_password', 'carol', 'other')
    await out(
      'set_policy',
      '-p',
      'v',
      '--priority',
      '4',
      '--apply-to',
      'queues',
      'p',
      '^q',
      '{"max-length":5}',
    )
    expect(await out('list_policies', '-p', 'v', '-s')).toBe('v\tp\t^q\tqueues\t{"max-length":5}\t4\n')
    await out('set_vhost_limits', '-p', 'v', '{"max-queues":7}')
    expect(await out('list_vhost_limits', '-p', 'v', '-s')).toBe('{"max-queues":7}\n')
    expect(await out('list_vhost_limits', '--global', '-s')).toBe('v\t{"max-queues":7}\n')
    // Scripts read it with two readers of JSON, one within the other, as rabbitmqctl writes it.
    const [policy] = JSON.parse(await out('list_policies', '-p', 'v', '--formatter', 'json'))
    expect(policy).toMatchObject({ name: 'p', definition: '{"max-length":5}', priority: 4 })
    expect(await out('list_policies', '-p', 'v')).toMatch(/^Listing policies for vhost "v" \.\.\.\n/)
    expect(await out('list_vhosts', '-s', 'name', 'cluster_state')).toMatch(/^v\t\[\{\S+@\S+, running\}\]$/m)
    expect(await out('list_global_parameters', '-s')).toMatch(/^cluster_name\t".+"$/m)
    const file = join(dir, 'definitions.json')
    const exported = await ctl('export_definitions', file)
    expect(exported.code).toBe(0)
    // RabbitMQ can read the hash of a password that was set here.
    expect(exported.stderr).toBe('')
    await out('delete_vhost', 'v')
    await out('delete_user', 'carol')
    expect(await out('list_vhosts', '-s')).toBe('/\n')
    expect(readFileSync(file, 'utf8')).toContain('"max-queues"')
    await out('import_definitions', file)
    expect(await out('list_policies', '-p', 'v', '-s')).toContain('max-length')
    expect(await out('list_users', '-s')).toContain('carol')
  }, 60_000)

  it('set parameters, names and marks', async () => {
    await out('set_parameter', 'federation', 'mine', '{"src-uri":"amqp://"}')
    expect(await out('list_parameters', '-s')).toBe('federation\tmine\t{"src-uri":"amqp://"}\n')
    await out('clear_parameter', 'federation', 'mine')
    expect(await out('list_parameters', '-s')).toBe('')
    await out('set_global_parameter', 'site', '"north"')
    expect(await out('list_global_parameters', '-s')).toContain('site\t"north"')
    await out('clear_global_parameter', 'site')
    await out('set_cluster_name', 'burrow')
    expect(await out('cluster_status')).toContain('Cluster name: burrow')
    await out('add_vhost', 'kept')
    await out('set_vhost_tags', 'kept', 'a', 'b')
    await out('enable_vhost_deletion_protection', 'kept')
    expect((await ctl('delete_vhost', 'kept')).stderr).toContain('protected from deletion')
    await out('disable_vhost_deletion_protection', 'kept')
    await out('delete_vhost', 'kept')
  })

  it('check the node and its users', async () => {
    const port = /port: (\d+), protocol: amqp/.exec(await out('listeners', '-s'))?.[1]
    await out('check_port_listener', String(port))
    await out('check_protocol_listener', 'amqp')
    expect((await ctl('check_protocol_listener', 'mqtt')).code).toBe(69)
    expect(await out('server_version')).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(await out('authenticate_user', '-q', 'guest', 'guest')).toBe('Success\n')
    expect((await ctl('authenticate_user', 'guest', 'wrong')).code).toBe(65)
    await out('wait', '--timeout', '5')
    await out('enable_feature_flag', 'all')
  })

  it('have examples of what they take', () => {
    for (const [name, c] of Object.entries({ ...commands, ...stateCommands }))
      if (c.args[0] > 0) expect(Object.keys(examples)).toContain(name)
    for (const name of Object.keys(examples))
      expect(Object.keys({ ...commands, ...stateCommands })).toContain(name)
  })

  it('publish, peek and take', async () => {
    const w = await session(broker)
    const q = await declareQueue(w, { exclusive: false, autoDelete: false })
    await out('publish', q, 'hello')
    expect(await out('peek', '-s', q)).toMatch(new RegExp(`0\tready\t\\d+\t${q}\t5\thello`))
    expect(await out('peek', '-s', '--older-than', '3600', q)).not.toContain('hello')
    expect((await ctl('peek', '--state', 'lost', q)).code).toBe(69)
    expect(await out('get', '-s', q)).toContain('hello')
    expect((await ctl('publish', 'nowhere', 'x')).code).toBe(70)
    await out('delete_queue', q)
    expect((await ctl('delete_queue', q)).code).toBe(64)
  })

  it('say how a queue is, and where a message would go', async () => {
    const w = await session(broker)
    const q = await declareQueue(w, { exclusive: false, autoDelete: false })
    expect(await out('diagnose_queue', '-s', q)).toContain(
      'no_consumer\tIt has no consumer, and no ready message.',
    )
    expect(await out('route_message', '-s', q)).toBe(`${q}\tamq.default\n`)
    const routed = await out(
      'route_message',
      '-s',
      '--exchange',
      'amq.topic',
      '--properties',
      '{"headers":{}}',
      'x',
    )
    expect(routed).not.toContain(q)
    expect((await ctl('route_message', '--properties', '{', 'x')).code).toBe(69)
    expect((await ctl('diagnose_queue', 'no-such')).code).toBe(65)
    await out('delete_queue', q)
  })

  it('run by the names of rabbitmqctl and rabbitmq-diagnostics', async () => {
    for (const name of ['rabbitmqctl', 'rabbitmq-diagnostics']) {
      const link = join(dir, name)
      symlinkSync(resolve('bin/leveret.js'), link)
      const r = await runCli(['-q', 'ping', '--data-dir', dir], link)
      expect([r.code, r.stdout]).toEqual([0, 'Ping succeeded\n'])
    }
  })

  it('say what is wrong, and how they are used', async () => {
    expect(await out('list_queues', '--help')).toMatch(
      /Usage: leveret list_queues[\s\S]*Examples:\n {2}leveret list_queues -p/,
    )
    expect(await out('ctl', 'help')).toContain('set_permissions')
    const words = (await out('completion', 'bash')).split(/[" ]/)
    expect(words).toEqual(
      expect.arrayContaining(['start', 'config', 'check', 'restore', 'help', 'list_queues']),
    )
    for (const args of [
      ['no_such_command'],
      ['add_user'],
      ['list_queues', '--formatter', 'xml'],
      ['list_queues', '--nosuch'],
    ])
      expect([args, (await ctl(...args)).code]).toEqual([args, 64])
    const r = await ctl('set_policy', 'p', '.*', '{"nonsense":1}')
    expect([r.code, r.stderr]).toEqual([69, expect.stringContaining('are not recognised policy settings')])
  })

  it('make an archive for bug reports, without secrets', async () => {
    const report = JSON.parse(await out('diagnostics')) as { overview: object; queues: unknown[] }
    expect(Object.keys(report.overview)).toContain('object_totals')
    expect(JSON.stringify(report)).not.toContain('password_hash":"k')
  })

  it('show the busiest queues, trace what passes, and set limits', async () => {
    const w = await session(broker)
    const q = await declareQueue(w)
    expect(await out('top', '--count', '1')).toContain(q)
    const traced = out('trace', '--count', '1', 'publish.#')
    // The command has to be there before the message is.
    await until(async () => (await out('list_vhosts', '-s', 'tracing')).startsWith('true'), 'tracing')
    w.publish(CH, { routingKey: q, body: 'seen' })
    expect(await traced).toBe('publish.\t4\tseen\n')
    await until(async () => (await out('list_vhosts', '-s', 'tracing')).startsWith('false'), 'no tracing')
    await out('set_vm_memory_high_watermark', 'absolute', '1KB')
    expect((await ctl('check_alarms')).code).toBe(69)
    await out('set_vm_memory_high_watermark', '0.9')
    await out('check_alarms')
    for (const [limit, text] of [
      ['much', "expected a size such as 512MiB or 2GB, found 'much'"],
      ['2GB 3GB', "expected 'mem_relative' before '3GB', found '2GB'"],
      ['mem_relative much', "expected a share such as 0.6, found 'much'"],
    ] as const) {
      const r = await ctl('set_disk_free_limit', ...limit.split(' '))
      expect([r.code, r.stderr]).toEqual([64, expect.stringContaining(text)])
    }
    await out('set_vm_memory_high_watermark', 'absolute', '1')
    expect((await ctl('check_alarms')).code).not.toBe(0)
    await out('set_vm_memory_high_watermark', '1')
    await out('set_disk_free_limit', 'mem_relative', '1000')
    expect((await ctl('check_alarms')).code).not.toBe(0)
    await out('set_disk_free_limit', 'mem_relative', '.0001')
    await out('check_alarms')
  })

  it('take the broker off the network and put it back', async () => {
    const w = await session(broker)
    await w.call(CH, MethodId.QueueDeclare, { queue: 'stays', durable: true }, MethodId.QueueDeclareOk)
    const stopped = out('stop_app')
    expect((await w.expect(0, MethodId.ConnectionClose)).replyCode).toBe(320)
    w.send(0, MethodId.ConnectionCloseOk)
    await stopped
    await expect(session(broker)).rejects.toThrow('ECONNREFUSED')
    expect((await ctl('await_startup', '--timeout', '0')).code).toBe(69)
    await out('start_app')
    await out('await_startup')
    const again = await session(broker)
    await again.call(CH, MethodId.QueueDelete, { queue: 'stays' }, MethodId.QueueDeleteOk)
  })

  it('end the broker', async () => {
    await out('shutdown')
    expect(await broker.process?.ended).toBe(0)
  })
})
