/** The parts of the command line that need no broker. */
import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { parseArguments } from '../../src/cli/arguments.ts'
import { commands } from '../../src/cli/ctl/commands.ts'
import { ctl } from '../../src/cli/ctl/ctl.ts'
import { brokerFolder } from '../../src/cli/ctl/find-broker.ts'
import { commonOptions, optionLines, options, parseCommandLine } from '../../src/cli/ctl/options.ts'
import { format } from '../../src/cli/ctl/output.ts'
import { stateCommands } from '../../src/cli/ctl/state.ts'
import { toolCommands } from '../../src/cli/ctl/tools.ts'
import { rabbitTools } from '../../src/cli/tool-names.ts'
import { nearest } from '../../src/util/nearest.ts'

const words = (text: string): string[] => text.trim().split(/\s+/)

/** What the help of RabbitMQ's tools lists, 3.10 and 4.0 to 4.2 together, with the commands of its plugins. */
const rabbitCommands: Record<string, string[]> = {
  rabbitmqctl: words(`
    autocomplete help version await_startup reset rotate_logs shutdown start_app stop stop_app wait await_online_nodes
    change_cluster_node_type cluster_status force_boot force_reset forget_cluster_node join_cluster
    rename_cluster_node update_cluster_nodes cancel_sync_queue sync_queue add_user authenticate_user
    change_password clear_password clear_user_limits delete_user hash_password list_user_limits list_users
    set_user_limits set_user_tags clear_permissions clear_topic_permissions list_permissions list_topic_permissions
    list_user_permissions list_user_topic_permissions list_vhosts set_permissions set_topic_permissions
    list_bindings list_channels list_ciphers list_connections list_consumers list_exchanges list_hashes
    list_node_auth_attempt_stats list_queues list_unresponsive_queues ping report schema_info status
    clear_global_parameter clear_parameter list_global_parameters list_parameters set_global_parameter set_parameter
    clear_operator_policy clear_policy list_operator_policies list_policies set_operator_policy set_policy add_vhost
    clear_vhost_limits delete_vhost list_vhost_limits restart_vhost set_vhost_limits set_vhost_tags trace_off
    trace_on update_vhost_metadata enable_vhost_deletion_protection disable_vhost_deletion_protection decode encode
    environment set_cluster_name set_disk_free_limit set_log_level set_vm_memory_high_watermark export_definitions
    import_definitions enable_feature_flag list_feature_flags list_deprecated_features close_all_connections
    close_all_user_connections close_connection eval eval_file exec force_gc resume_listeners suspend_listeners
    delete_queue purge_queue hipe_compile node_health_check activate_free_disk_space_monitoring
    deactivate_free_disk_space_monitoring decrypt_conf_value list_operator_policies_with_classic_queue_mirroring
    list_policies_that_match list_policies_with_classic_queue_mirroring reconcile_vhosts
    remove_classic_queue_mirroring_from_policies set_permissions_globally shovel_status delete_shovel restart_shovel
    federation_status restart_federation_link list_amqp10_connections list_mqtt_connections list_stomp_connections
    list_web_mqtt_connections list_web_stomp_connections decommission_mqtt_node`),
  'rabbitmq-diagnostics': words(`
    alarms check_alarms check_certificate_expiration check_if_node_is_mirror_sync_critical
    check_if_node_is_quorum_critical check_local_alarms check_port_connectivity check_port_listener
    check_protocol_listener check_running check_virtual_hosts cipher_suites consume_event_stream discover_peers
    erlang_version is_booting is_running list_network_interfaces listeners log_tail log_tail_stream maybe_stuck
    memory_breakdown observer quorum_status remote_shell runtime_thread_stats server_version stream_status
    tls_versions certificates command_line_arguments disable_auth_attempt_source_tracking
    enable_auth_attempt_source_tracking erlang_cookie_hash erlang_cookie_sources log_location os_env
    reset_node_auth_attempt_metrics resolve_hostname resolver_info reclaim_quorum_memory
    consistent_hash_exchange_ring_state check_if_any_deprecated_features_are_used
    check_if_cluster_has_classic_queue_mirroring_policy metadata_store_status message_size_stats`),
  'rabbitmq-queues': words(`
    grow rebalance shrink add_member delete_member check_if_node_is_quorum_critical peek quorum_status stream_status
    reclaim_quorum_memory check_if_new_quorum_queue_replicas_have_finished_initial_sync leader_health_check`),
  'rabbitmq-plugins': words('directories is_enabled disable enable list set version'),
  'rabbitmq-streams': words(`
    add_replica delete_replica coordinator_status restart_stream set_stream_retention_policy list_stream_connections
    list_stream_consumers list_stream_publishers list_stream_consumer_groups list_stream_group_consumers
    list_stream_tracking activate_stream_consumer reset_offset add_super_stream delete_super_stream`),
  'rabbitmq-upgrade': words('drain revive await_online_quorum_plus_one post_upgrade'),
}

/** What one command line prints, with nobody to talk to. */
async function run(args: string[], tool?: string): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' }
  const keep = (stream: NodeJS.WriteStream, name: 'out' | 'err') =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed[name] += String(text)
      return true
    })
  const spies = [keep(process.stdout, 'out'), keep(process.stderr, 'err')]
  const code = await ctl([...args, '--data-dir', '/nowhere'], tool).finally(() => {
    for (const spy of spies) spy.mockRestore()
  })
  return { code, ...printed }
}

describe('the commands of RabbitMQ', () => {
  it.each(Object.entries(rabbitCommands))('%s: all are there, or say why not', async (tool, names) => {
    expect(rabbitTools).toContain(tool)
    const all = { ...commands, ...stateCommands, ...toolCommands[tool] }
    const missing = names.filter((n) => !['autocomplete', 'help'].includes(n) && !Object.hasOwn(all, n))
    expect(missing).toEqual([])
    for (const name of names.filter((n) => all[n]?.help.startsWith('not available: '))) {
      const r = await run([name], tool)
      expect([name, r.code, r.out]).toEqual([name, 69, ''])
      // One sentence.
      expect(r.err).toMatch(/^Error:\n[^\n]{20,}\n$/)
    }
  })

  it('the others, which only leveret has, are in the documents', () => {
    const pages = ['operations', 'cluster', 'migrate', 'upgrade', 'shovels']
    const text = pages.map((f) => readFileSync(`docs/${f}.md`, 'utf8')).join('\n')
    const theirs = new Set(Object.values(rabbitCommands).flat())
    const own = Object.entries({ ...commands, ...stateCommands }).flatMap(([name, { help }]) =>
      theirs.has(name) || help.startsWith('not available: ') ? [] : [name],
    )
    expect(own.filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(text))).toEqual([])
  })

  it.each(Object.keys(rabbitCommands))(
    '%s help, and the help of each command with its options',
    async (tool) => {
      const help = await run(['help'], tool)
      expect([help.code, help.err]).toEqual([0, ''])
      for (const name of rabbitCommands[tool]?.filter((n) => !['autocomplete', 'help'].includes(n)) ?? []) {
        expect(help.out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
        const r = await run([name, '--help'], tool)
        expect([name, r.code, r.err]).toEqual([name, 0, ''])
        expect(r.out).toMatch(new RegExp(`^Usage: ${tool} ${name}( \\S|$)`, 'm'))
        const all = { ...commands, ...stateCommands, ...toolCommands[tool] }
        for (const o of all[name]?.options ?? []) expect(r.out).toContain(`--${o}`)
        expect(await run(['help', name], tool)).toEqual(r)
      }
    },
  )

  it('the help of a command names each option once', async () => {
    for (const name of Object.keys(commands)) {
      const { out } = await run([name, '--help'], 'leveret')
      const shown = [...out.matchAll(/^ {2}(?:-., | {4})(--[\w-]+)/gm)].map((m) => m[1])
      expect([name, ...shown]).toEqual([name, ...new Set(shown)])
    }
  })

  it('every option that a command names has its row', () => {
    const all = [commands, stateCommands, ...Object.values(toolCommands)].flatMap((c) => Object.values(c))
    for (const c of all) for (const o of c.options ?? []) expect(Object.keys(options)).toContain(o)
    expect(optionLines(commonOptions)).toContain('-p, --vhost VHOST')
  })
})

describe('wrong use', () => {
  it.each([
    [['list_quues'], "Command 'list_quues' not found. Did you mean 'list_queues'?\n"],
    [['lsit_users'], "Command 'lsit_users' not found. Did you mean 'list_users'?\n"],
    [['nosuchthingatall'], "Command 'nosuchthingatall' not found. Try 'rabbitmqctl help'.\n"],
    [['help', 'delete_usr'], "Command 'delete_usr' not found. Did you mean 'delete_user'?\n"],
    [['constructor'], "Command 'constructor' not found. Try 'rabbitmqctl help'.\n"],
    [['list_queues', 'nam'], 'Error (argument validation): Info key(s) nam are not supported\n'],
    [['list_queues', 'a', 'name', 'b'], 'Error (argument validation): Info key(s) a,b are not supported\n'],
    [['list_connections', 'x'], 'Error (argument validation): Info key(s) x are not supported\n'],
    [
      ['list_queues', '--nosuch'],
      'Error (argument validation): Invalid options for this command: --nosuch\n',
    ],
    [
      ['list_users', '--if-empty'],
      'Error (argument validation): Invalid options for this command: --if-empty\n',
    ],
    [['list_users', '-e'], 'Error (argument validation): Invalid options for this command: --if-empty\n'],
    [['add_user'], 'Error (argument validation): not enough arguments.\n'],
    [['add_user', 'a', 'b', 'c'], 'Error (argument validation): too many arguments.\n'],
    [['--timeout', 'x', 'list_users'], "Error (argument validation): --timeout takes a number, not 'x'\n"],
    [['list_users', '--formatter', 'xml'], 'Error (argument validation): --formatter takes one of table,'],
  ])('%j', async (args, text) => {
    const r = await run(args, 'rabbitmqctl')
    expect([r.code, r.out]).toEqual([64, ''])
    expect(r.err.startsWith(text)).toBe(true)
  })

  it('without a broker is 69, with the folder that was looked in', async () => {
    const r = await run(['list_users', '-q'])
    expect([r.code, r.err]).toEqual([69, expect.stringContaining('no broker answers at /nowhere')])
  })
})

describe('the nearest name', () => {
  it('is one that differs in few characters', () => {
    const names = ['list_queues', 'list_users', 'add_user', 'status']
    expect(nearest('list_queue', names)).toBe('list_queues')
    expect(nearest('LIST_QUEUES', names)).toBe('list_queues')
    expect(nearest('sttaus', names)).toBe('status')
    expect(nearest('LIST-QUEUES', names)).toBe('list_queues')
    expect(nearest('x', names)).toBeUndefined()
    expect(nearest('', names)).toBeUndefined()
    expect(nearest('list', names)).toBeUndefined()
  })

  it('may continue another', () => {
    expect(nearest('dataDirectory', ['port', 'dataDir'])).toBe('dataDir')
    expect(nearest('stat', ['list_queues', 'status'])).toBe('status')
  })
})

describe('options', () => {
  it('may stand in front of the command, between its arguments, and in their short form', () => {
    expect(parseCommandLine(['-q', '-p', 'v', 'delete_queue', '-e', 'q', '-u', '--timeout=5'])).toMatchObject(
      {
        positionals: ['delete_queue', 'q'],
        values: { quiet: true, vhost: 'v', 'if-empty': true, 'if-unused': true, timeout: '5' },
      },
    )
  })
})

describe('the folder of the broker', () => {
  it('is what is named, else what the environment says, else the first with a broker in it', () => {
    const has = (dir: string) => (d: string) => d === dir
    expect(brokerFolder('/a', { LEVERET_DATA_DIR: '/b' }, has('/data'))).toBe('/a')
    expect(brokerFolder(undefined, { LEVERET_DATA_DIR: '/b' }, has('/data'))).toBe('/b')
    expect(brokerFolder(undefined, { LEVERET_DATA_DIR: '' }, has('/data'))).toBe('/data')
    expect(brokerFolder(undefined, {}, has('/var/lib/leveret'))).toBe('/var/lib/leveret')
    expect(brokerFolder(undefined, {}, () => false)).toMatch(/\/leveret-data$/)
  })

  it('is the same for start, config and restore', () => {
    const variable = { LEVERET_DATA_DIR: '/b' }
    for (const args of [['start'], ['config', '--effective'], ['restore', '/backup']]) {
      const dirOf = (more: string[], environment = {}): unknown => {
        const command = parseArguments([...args, ...more], environment)
        return 'options' in command ? command.options.dataDir : 'dataDir' in command && command.dataDir
      }
      expect(dirOf([])).toMatch(/\/leveret-data$/)
      expect(dirOf([], variable)).toBe('/b')
      expect(dirOf(['--data-dir', '/a'], variable)).toBe('/a')
    }
  })
})

describe('tables', () => {
  const rows = [
    { name: 'q,"1', arguments: { 'x-max-length': 5, a: { b: true } }, tags: ['x', 'y'], none: null },
  ]
  const columns = ['name', 'arguments', 'tags', 'none']

  it.each([
    ['table', 'name\targuments\ttags\tnone\nq,"1\t[{"x-max-length",5},{"a",[{"b",true}]}]\t[x, y]\t\n'],
    [
      'csv',
      '"name","arguments","tags","none"\n"q,""1","[{""x-max-length"",5},{""a"",[{""b"",true}]}]","[x, y]",""\n',
    ],
    [
      'json',
      '[\n{"name":"q,\\"1","arguments":[["x-max-length","signedint",5],["a","table",[["b","bool",true]]]],"tags":["x","y"],"none":""}\n]\n',
    ],
    [
      'erlang',
      '[[{name,<<"q,\\"1">>},{arguments,[{<<"x-max-length">>,signedint,5},{<<"a">>,table,[{<<"b">>,bool,true}]}]},{tags,[<<"x">>,<<"y">>]},{none,undefined}]]\n',
    ],
  ] as const)('%s', (how, text) => {
    expect(format(rows, columns, how, true)).toBe(text)
  })

  it('of nothing have no names of columns', () => {
    expect(format([], ['name'], 'table', true)).toBe('')
    expect(format([], ['name'], 'json', true)).toBe('[\n]\n')
  })
})
