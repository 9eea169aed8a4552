/** /cli/rabbitmqadmin, as it is downloaded. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { startChild } from '../support/children.ts'

let broker: RunningBroker
let dir: string
let script: string
beforeAll(async () => {
  broker = await createBroker({ port: 0, managementPort: 0 })
  dir = mkdtempSync(join(tmpdir(), 'leveret-admin-'))
  script = join(dir, 'rabbitmqadmin')
  const r = await fetch(`http://127.0.0.1:${broker.managementPort}/cli/rabbitmqadmin`)
  writeFileSync(script, await r.text())
})
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true })
  await broker.close()
})

/** Its output, and after `!` what it says where it fails. */
function run(...words: string[]): Promise<string> {
  const child = startChild('python3', [script, '-P', String(broker.managementPort), ...words], {})
  let out = ''
  let wrong = ''
  child.stdout?.on('data', (d) => {
    out += d
  })
  child.stderr?.on('data', (d) => {
    wrong += d
  })
  child.stdin?.end('from the input')
  return new Promise((resolve) =>
    child.on('close', (code) => resolve(code === 0 ? out.trim() : `!${wrong.trim()}`)),
  )
}

describe('rabbitmqadmin', () => {
  it('declares, publishes, gets, lists and deletes', async () => {
    expect(await run('declare', 'queue', 'name=q', 'arguments={"x-max-length":5}')).toBe('queue declared')
    expect(await run('declare', 'exchange', 'name=x', 'type=topic')).toBe('exchange declared')
    expect(await run('declare', 'binding', 'source=x', 'destination=q', 'routing_key=k.#')).toBe(
      'binding declared',
    )
    expect(await run('publish', 'exchange=x', 'routing_key=k.1', 'payload=hello')).toBe('Message published')
    expect(await run('publish', 'routing_key=q')).toBe('Message published')
    expect(await run('publish', 'routing_key=nowhere', 'payload=x')).toBe('Message published but NOT routed')
    expect(await run('-f', 'tsv', 'get', 'queue=q', 'count=2')).toMatch(
      /\thello\t5\tstring\t.*\n.*\tfrom the input\t/,
    )
    expect(await run('-f', 'tsv', 'list', 'queues', 'name', 'messages')).toBe('name\tmessages\nq\t2')
    expect(await run('list', 'queues', 'name')).toBe('+------+\n| name |\n+------+\n| q    |\n+------+')
    expect(await run('purge', 'queue', 'name=q')).toBe('queue purged')
    expect(await run('delete', 'binding', 'source=x', 'destination=q', 'routing_key=k.#')).toBe(
      'binding deleted',
    )
    expect(await run('-q', 'delete', 'queue', 'name=q')).toBe('')
    expect(await run('delete', 'queue', 'name=q')).toBe('!*** 404: Not Found')
    expect(await run('delete', 'queue')).toBe('!*** mandatory argument "name"')
  })

  it('has users, permissions, policies and definitions', async () => {
    expect(await run('declare', 'user', 'name=ann', 'password=p', 'tags=monitoring')).toBe('user declared')
    const rights = ['vhost=/', 'user=ann', 'configure=', 'write=', 'read=.*']
    expect(await run('declare', 'permission', ...rights)).toBe('permission declared')
    expect(await run('declare', 'policy', 'name=p', 'pattern=^q$', 'definition={"max-length":5}')).toBe(
      'policy declared',
    )
    expect(await run('-f', 'bash', 'list', 'policies')).toBe('p')
    const file = join(dir, 'definitions.json')
    expect(await run('export', file)).toBe(`Exported definitions to ${file}`)
    expect(JSON.parse(readFileSync(file, 'utf8')).policies).toHaveLength(1)
    expect(await run('delete', 'policy', 'name=p')).toBe('policy deleted')
    expect(await run('import', file)).toBe(`Imported definitions from ${file}`)
    expect(await run('-f', 'bash', 'list', 'policies')).toBe('p')
    expect(await run('-u', 'ann', '-p', 'wrong', 'list', 'queues')).toMatch(/^!\*\*\* 401: /)
  })

  it('has a configuration file, which the command line overrides, and other ways of output', async () => {
    await run('declare', 'queue', 'name=seen')
    const file = join(dir, 'admin.conf')
    writeFileSync(file, '[away]\nhostname = 127.0.0.1\nusername = guest\npassword = wrong%\nssl = False\n')
    const list = ['list', 'queues', 'vhost', 'name']
    expect(await run('-c', file, '-N', 'away', ...list)).toMatch(/^!\*\*\* 401: /)
    expect(await run('-c', file, '-N', 'away', '-p', 'guest', '-f', 'kvp', ...list)).toBe(
      'vhost="/" name="seen"',
    )
    expect(await run('-c', file, ...list)).toContain('has no section [default]')
    expect(await run('-c', join(dir, 'none'), ...list)).toContain('there is no file')
    expect(await run('-d', '5', '-t', '10', '-f', 'tsv', ...list)).toBe('vhost\tname\n/\tseen')
    expect(await run('-f', 'nope', ...list)).toContain('invalid choice')
    expect(await run('help', 'subcommands')).toContain('list WHAT [COLUMN ...]')
  })
})
