import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { validate } from 'dockerfile-utils'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseArguments } from '../../src/cli/arguments.ts'
import { loadConfig } from '../../src/config/load.ts'
import { testFolder } from '../support/folder.ts'
import { startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'

const read = (name: string): string => readFileSync(join('packaging', name), 'utf8')

describe('the container', () => {
  it('has a Dockerfile without complaints, that copies what is there', () => {
    const text = read('Dockerfile')
    expect(validate(text).map((d) => d.message)).toEqual([])
    for (const [, files = ''] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm))
      for (const f of files.split(' ')) expect([f, existsSync(f)]).toEqual([f, true])
  })

  it('has commands that can be run by their names, as the health check does', () => {
    const text = read('Dockerfile')
    const [, links = ''] = /for name in ([^;]+);/.exec(text) ?? []
    const names = links.split(' ')
    const [, checked = ''] = /^HEALTHCHECK .*CMD \["([^"]+)"/m.exec(text) ?? []
    expect(names).toContain(checked)
    expect(text).toMatch(/chmod 755 \/app\/bin\/leveret\.js/)
    const dir = testFolder('links')
    for (const name of names) {
      symlinkSync(resolve('bin/leveret.js'), join(dir, name))
      expect([name, spawnSync(join(dir, name), ['--version'], { encoding: 'utf8' })]).toMatchObject([
        name,
        { status: 0, stderr: '' },
      ])
    }
  })

  it('has a compose file that fits to it', () => {
    const { services, volumes } = parse(read('compose.yaml')) as {
      services: { leveret: { build: { dockerfile: string }; ports: string[]; volumes: string[] } }
      volumes: object
    }
    const { build, ports, volumes: mounts } = services.leveret
    expect(existsSync(build.dockerfile)).toBe(true)
    expect(Object.keys(volumes)).toContain(mounts[0]?.split(':')[0])
    for (const p of ports)
      expect(read('Dockerfile')).toMatch(new RegExp(`EXPOSE.*\\b${p.split(':').at(-1)}\\b`))
  })
})

describe('a cluster of three hosts', () => {
  it('has a compose file with a nats-server and a broker, and settings that are taken', () => {
    const { services, volumes } = parse(read('cluster/compose.yaml')) as {
      services: { [name: string]: { command: string[]; volumes: string[]; build?: { dockerfile: string } } }
      volumes: object
    }
    expect(Object.keys(services)).toEqual(['nats', 'leveret'])
    expect(existsSync(services['leveret']?.build?.dockerfile ?? '')).toBe(true)
    for (const s of Object.values(services))
      expect(Object.keys(volumes)).toContain(s.volumes.at(-1)?.split(':')[0])
    const args = services['leveret']?.command.map((a) => a.replace(/\$\{[A-Z_]+[^}]*\}/, 'x')) ?? []
    const command = parseArguments(args)
    if (command.name !== 'start') throw new Error('no start')
    const loaded = loadConfig('packaging/cluster/leveret.conf', {}, command.options.overrides)
    expect(loaded.draft.settings().cluster).toMatchObject({ name: 'x', node: 'x', failoverAfterMs: 1000 })
  })

  it('has units that name the files of each other', () => {
    expect(read('cluster/leveret.service')).toContain('nats-server.service')
    expect(read('cluster/leveret.service')).toContain('/etc/leveret/leveret.conf')
    expect(read('cluster/nats-server.service')).toContain('/etc/nats-server.conf')
  })
})

describe('systemd', () => {
  it('is told when the broker is ready, alive and stopping', async () => {
    const dir = testFolder('systemd')
    const log = join(dir, 'log')
    const program = join(dir, 'systemd-notify')
    writeFileSync(program, `#!/bin/sh\necho "$@" >> ${log}\n`)
    chmodSync(program, 0o755)
    const environment = {
      PATH: `${dir}:${process.env['PATH']}`,
      NOTIFY_SOCKET: '/x',
      WATCHDOG_USEC: '200000',
    }
    const p = await startProcess(join(dir, 'data'), 0, [], environment)
    const said = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '')
    await until(() => said().includes('--ready') && said().includes('WATCHDOG=1'), 'the messages')
    expect(await p.stop('SIGTERM')).toBe(0)
    await until(() => said().includes('--stopping'), 'the last message')
    expect(said()).toContain(`--pid=${p.child.pid}`)
  })
})

describe('npm start', () => {
  it('builds in other processes: what the bundler leaves in memory would stay in the broker', () => {
    const program = readFileSync('bin/prepare.js', 'utf8')
    const builds = program.slice(
      program.indexOf('async function build()'),
      program.indexOf('async function buildWeb()'),
    )
    expect(builds).toContain("run('node', ['bin/modules.js'])")
    expect(builds).not.toContain('import(')
    expect(program).not.toContain('bundle(')
  })
})
