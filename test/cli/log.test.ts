/** The log as commands change it: its level while the broker runs, and its file. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MethodId, PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { runCommand } from '../support/ctl.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'leveret-log-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const data = join(dir, 'data')
const file = join(dir, 'leveret.log')
let broker: BrokerProcess

beforeAll(async () => {
  writeFileSync(join(dir, 'c.conf'), `log.file = ${file}\nlog.console = true`)
  broker = await startProcess(data, 0, ['--config', join(dir, 'c.conf')])
})

async function leveret(...args: string[]): Promise<void> {
  const r = await runCommand([...args, '--data-dir', data])
  expect([args, r.code, r.stderr]).toEqual([args, 0, ''])
}

/** How many connections the file tells of. */
const connections = (name = file): number =>
  existsSync(name) ? readFileSync(name, 'utf8').split('"connection opened"').length - 1 : 0

async function connect(): Promise<void> {
  await (await Wire.open(broker.url)).close()
}

it('set_log_level silences a category, or all of the log, and gives it back', async () => {
  await connect()
  await until(() => connections() === 1, 'its line')
  for (const category of [['connection'], []]) {
    const before = connections()
    await leveret('set_log_level', ...category, 'error')
    await connect()
    await leveret('set_log_level', ...category, 'info')
    await connect()
    await until(() => connections() > before, 'the line of the second one')
    expect([category, connections()]).toEqual([category, before + 1])
  }
})

it('rotate_logs opens the file anew, and nothing is written to the one that was moved', async () => {
  await leveret('set_log_level', 'info')
  renameSync(file, `${file}.1`)
  await leveret('rotate_logs')
  const before = connections(`${file}.1`)
  await connect()
  await until(() => connections() === 1, 'a line in the new file')
  expect(connections(`${file}.1`)).toBe(before)
})

it('has no character in it that a terminal may take for a command, though a client says so', async () => {
  const mechanism = 'a\u001bb\u009bc\u007fd\u2028e\nf'
  const wire = await Wire.socket(broker.url)
  wire.write(PROTOCOL_HEADER)
  await wire.expect(0, MethodId.ConnectionStart)
  wire.sendStartOk({ mechanism })
  const line = (): string | undefined =>
    readFileSync(file, 'utf8')
      .split('\n')
      .find((l) => l.includes('mechanism'))
  await until(() => line() !== undefined, 'its line')
  wire.socket.destroy()
  expect(JSON.parse(line() as string).mechanism).toBe('a\u001bb\\u009bc\\u007fd\\u2028e\nf')
})

it('ends with the broker', async () => {
  expect(await broker.stop('SIGTERM')).toBe(0)
  expect(readFileSync(file, 'utf8')).toMatch(/"msg":"stopped"\}\n$/)
})
