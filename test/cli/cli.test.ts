import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseArguments } from '../../src/cli/arguments.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { runCli, startProcess } from '../support/process.ts'
import { Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-cli-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('the command line', () => {
  it('has defaults', () => {
    const c = parseArguments([])
    expect(c).toMatchObject({ name: 'start', options: { overrides: [], managementPort: false } })
    const given = ['--port', '1', '--bind', '::1', '--data-dir', '/x', '--log-level', 'debug']
    expect(parseArguments(['start', ...given, '--management-port', 'none', '--config', 'c'])).toEqual({
      name: 'start',
      options: {
        config: 'c',
        overrides: [{ key: 'listeners.tcp.default', value: '[::1]:1', origin: '--port' }],
        managementPort: undefined,
        metricsPort: false,
        bind: '::1',
        dataDir: '/x',
        logLevel: 'debug',
      },
    })
  })

  it.each([
    [['--port', '70000'], '--port takes a number'],
    [['--port', 'x'], '--port takes a number'],
    [['--management-port', 'x'], '--management-port takes a number'],
    [['config'], "'config' takes --effective"],
    [['--log-level', 'loud'], '--log-level takes one of'],
    [['stop'], "unknown command 'stop'"],
    [['start', 'now'], "unexpected argument 'now'"],
    [['--nosuch'], '--nosuch'],
  ])('%j is refused', (args, text) => {
    expect(() => parseArguments(args)).toThrow(text)
  })

  it('--version and --help', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    const help = await runCli(['--help'])
    expect(help.code).toBe(0)
    for (const option of ['--port', '--bind', '--data-dir', '--log-level'])
      expect(help.stdout).toContain(option)
  })

  it('wrong usage exits with 64 and a hint', async () => {
    const r = await runCli(['--port', 'x'])
    expect(r.code).toBe(64)
    expect(r.stderr).toMatch(/--port takes a number.*\n.*--help/)
  })

  it('prints one line when ready, and ends with 0 on SIGTERM and SIGINT, telling its clients', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const p = await startProcess(join(dir, 'run'))
      expect(p.lines).toHaveLength(1)
      const w = await Wire.open(p.url)
      const ended = p.stop(signal)
      expect((await w.expect(0, MethodId.ConnectionClose)).replyCode).toBe(320)
      w.send(0, MethodId.ConnectionCloseOk)
      expect(await ended).toBe(0)
    }
  })

  it('names in that line all that listens, where it does', async () => {
    const config = join(dir, 'listeners.conf')
    const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
    writeFileSync(
      config,
      `listeners.ssl.default = 127.0.0.1:0
ssl_options.certfile = ${at('server.pem')}
ssl_options.keyfile = ${at('server.key')}
management.path_prefix = /mq
prometheus.path = /numbers
`,
    )
    const args = ['--config', config, '--management-port', '0', '--metrics-port', '0']
    const p = await startProcess(join(dir, 'listeners'), 0, args)
    const { msg } = JSON.parse(p.lines.at(-1) as string) as { msg: string }
    const any = '127\\.0\\.0\\.1:\\d+'
    expect(msg).toMatch(
      new RegExp(
        `ready: amqp://127\\.0\\.0\\.1:${p.port}, amqps://${any}, management http://${any}/mq/, metrics http://${any}/numbers$`,
      ),
    )
    await p.stop('SIGTERM')
    const wide = ['--bind', '::', '--management-port', '0']
    const everywhere = await startProcess(join(dir, 'everywhere'), 0, wide)
    // The page's address is one to click on.
    const line = new RegExp(`ready: amqp://\\[::\\]:${everywhere.port}, management http://localhost:\\d+/"`)
    expect(everywhere.lines.at(-1)).toMatch(line)
    await everywhere.stop('SIGTERM')
  })

  it('says what is wrong when it cannot start', async () => {
    const p = await startProcess(join(dir, 'busy'))
    const locked = await runCli(['--port', '0', '--data-dir', join(dir, 'busy')])
    expect(locked.code).toBe(1)
    expect(locked.stdout).toContain('is in use by another broker process')
    const port = await runCli([
      '--port',
      String(p.port),
      '--bind',
      '127.0.0.1',
      '--data-dir',
      join(dir, 'other'),
    ])
    expect(port.code).toBe(1)
    expect(port.stdout).toContain(`port ${p.port} on 127.0.0.1 is in use`)
    expect(port.stdout.trim().split('\n')).toHaveLength(1)
    expect(port.stdout).not.toContain('stack')
    await p.stop('SIGTERM')
    writeFileSync(join(dir, 'file'), '')
    const unreadable = await runCli(['--port', '0', '--data-dir', join(dir, 'file')])
    expect(unreadable.code).toBe(1)
    expect(unreadable.stdout).toContain('cannot read and write the data folder')
  })
})
