import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import amqp from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, OptionError, StorageError } from '../../src/index.ts'
import { testFolder } from '../support/folder.ts'

const rights = { configure: '.*', write: '.*', read: '.*' }
const user = { name: 'a', password: 'b' }

function folder(): string {
  const dir = testFolder('options')
  return dir
}

/** The type is not the matter here: programs in JavaScript give anything. */
const start = (options: unknown): Promise<unknown> => createBroker(options as object)

describe('an option that is', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['unknown', { dataDirectory: '/x' }, 'dataDirectory', /did you mean 'dataDir'\?/],
    ['unknown, in another spelling', { data_dir: '/x' }, 'data_dir', /did you mean 'dataDir'\?/],
    ['unknown and like no other', { xyzzy: 1 }, 'xyzzy', /there are port, /],
    ['a property that every object has', { constructor: 1 }, 'constructor', /unknown option/],
    ['a text for a number', { port: '5672' }, 'port', /whole number from 0 to 65535, not "5672"/],
    ['a port beyond the last', { port: 65_536 }, 'port', /not 65536/],
    ['a port below the first', { managementPort: -1 }, 'managementPort', /not -1/],
    ['no whole number', { metricsPort: 1.5 }, 'metricsPort', /not 1\.5/],
    ['NaN', { port: Number.NaN }, 'port', /not NaN/],
    ['null', { bind: null }, 'bind', /not null/],
    ['empty', { dataDir: '' }, 'dataDir', /not ""/],
    ['another storage', { storage: 'disk' }, 'storage', /'memory' or 'lmdb', not "disk"/],
    ['a negative size', { messageMemory: -1 }, 'messageMemory', /octets, at least 0, not -1/],
    ['a size of nothing', { maxMessageSize: 0 }, 'maxMessageSize', /at least 1/],
    ['a size beyond the largest', { maxMessageSize: 2 ** 30 }, 'maxMessageSize', /at most 536870912/],
    ['a size with a unit', { memoryLimit: '1GB' }, 'memoryLimit', /not "1GB"/],
    ['a negative limit of the disk', { diskFreeLimit: -5 }, 'diskFreeLimit', /not -5/],
    ['an interval of nothing', { statisticsInterval: 0 }, 'statisticsInterval', /at least 1/],
    ['no object', { limits: 5 }, 'limits', /an object, not 5/],
    ['an unknown limit', { limits: { connection: 5 } }, 'limits.connection', /did you mean 'connections'\?/],
    ['a negative limit', { limits: { connections: -1 } }, 'limits.connections', /not -1/],
    ['no array', { vhosts: 'a' }, 'vhosts', /an array, not "a"/],
    ['a vhost without a name', { vhosts: ['a', ''] }, 'vhosts[1]', /not empty/],
    ['a vhost with a long name', { vhosts: ['é'.repeat(200)] }, 'vhosts[0]', /255 octets/],
    ['a user without password', { users: [{ name: 'a' }] }, 'users[0].password', /is missing/],
    [
      'a user with an empty password',
      { users: [{ name: 'a', password: '' }] },
      'users[0].password',
      /not empty/,
    ],
    ['a user without name', { users: [user, { password: 'b' }] }, 'users[1].name', /is missing/],
    [
      'a user with a typing error',
      { users: [{ ...user, permission: {} }] },
      'users[0].permission',
      /'permissions'/,
    ],
    ['a user twice', { users: [user, user] }, 'users[1].name', /two users 'a'/],
    ['a tag that is no text', { users: [{ ...user, tags: [1] }] }, 'users[0].tags[0]', /not 1/],
    [
      'a pattern that does not parse',
      { users: [{ ...user, permissions: { '/': { ...rights, write: '(' } } }] },
      'users[0].permissions["/"].write',
      /invalid regular expression/,
    ],
    [
      'a permission that is not whole',
      { users: [{ ...user, permissions: { '/': { configure: '', write: '' } } }] },
      'users[0].permissions["/"].read',
      /is missing/,
    ],
    ['a logger without a level', { logger: { info() {} } }, 'logger.debug', /must be a function/],
    ['a version that is a number', { productVersion: 4 }, 'productVersion', /not 4/],
    ['a store without its folder', { storage: 'lmdb' }, 'dataDir', /is missing/],
    ['a folder for nothing', { storage: 'memory', dataDir: '/x' }, 'storage', /keeps nothing/],
    ['not an object at all', 5672, 'options', /an object, not 5672/],
  ])('%s is a TypeError that names it', async (_, options, option, text) => {
    const error: unknown = await start(options).then(
      () => 'it started',
      (e: unknown) => e,
    )
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toBeInstanceOf(OptionError)
    expect(error).toMatchObject({ name: 'TypeError', code: 'INVALID_OPTION', option })
    expect((error as Error).message).toContain(`'${option}'`)
    expect((error as Error).message).toMatch(text)
  })

  it('undefined counts as not given', async () => {
    const options = { port: 0, dataDir: undefined, users: undefined, limits: { connections: undefined } }
    const broker = (await start(options)) as Awaited<ReturnType<typeof createBroker>>
    await (await amqp.connect(broker.url)).close()
    await broker.close()
  })

  it('Infinity for no limit is taken', async () => {
    const limits = { connections: Number.POSITIVE_INFINITY, channels: Number.POSITIVE_INFINITY }
    const broker = await createBroker({ port: 0, limits, memoryLimit: Number.POSITIVE_INFINITY })
    await broker.close()
  })
})

describe('dataDir', () => {
  it('alone means that messages are kept in it', async () => {
    const dataDir = join(folder(), 'a', 'b')
    let broker = await createBroker({ port: 0, dataDir })
    const client = await amqp.connect(broker.url)
    const ch = await client.createConfirmChannel()
    await ch.assertQueue('q')
    ch.sendToQueue('q', Buffer.from('kept'), { persistent: true })
    await ch.waitForConfirms()
    await client.close()
    await broker.close()
    broker = await createBroker({ port: 0, dataDir })
    expect(broker.queue('q')).toMatchObject({ ready: 1 })
    await broker.close()
  })
})

describe('users', () => {
  it('that are none leave no guest in the url, and nobody gets in', async () => {
    const broker = await createBroker({ port: 0, users: [] })
    expect(broker.url).toBe(`amqp://127.0.0.1:${broker.port}`)
    await expect(amqp.connect(broker.url)).rejects.toThrow(/403|ACCESS_REFUSED/)
    await broker.close()
  })
})

/** Runs to its end by itself where nothing is left open. */
function failedStart(options: string): { status: number | null; said: string } {
  const program = `
    const { createBroker } = await import('leveret')
    const error = await createBroker(${options}).then(() => 'it started', (e) => e)
    process.stdout.write([error.name, error.code].join(' '))`
  const r = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status: r.status, said: r.stdout + r.stderr }
}

describe('a start that fails', () => {
  it.each<[string, (dir: string, port: number) => object, string]>([
    ['below a file', (dir) => ({ dataDir: join(dir, 'file', 'x') }), 'StorageError UNREADABLE'],
    ['where the system makes no folders', () => ({ dataDir: '/proc/none/x' }), 'StorageError UNREADABLE'],
    [
      'in a folder with something else in data.mdb',
      (dir) => ({ dataDir: join(dir, 'other') }),
      'StorageError UNREADABLE',
    ],
    ['on a port in use', (_, port) => ({ port }), 'Error EADDRINUSE'],
    [
      'on a port in use, with a folder',
      (dir, port) => ({ port, dataDir: join(dir, 'a') }),
      'Error EADDRINUSE',
    ],
    [
      'with the HTTP API on a port in use',
      (dir, managementPort) => ({ managementPort, dataDir: join(dir, 'b') }),
      'Error EADDRINUSE',
    ],
    [
      'with the metrics on a port in use',
      (_, metricsPort) => ({ metricsPort, managementPort: 0 }),
      'Error EADDRINUSE',
    ],
    ['on an address of another machine', () => ({ bind: '192.0.2.1' }), 'Error EADDRNOTAVAIL'],
    ['with a wrong option', () => ({ ports: 1 }), 'TypeError INVALID_OPTION'],
  ])('%s has a code, and the process ends by itself', async (_, optionsOf, said) => {
    const dir = folder()
    writeFileSync(join(dir, 'file'), '')
    mkdirSync(join(dir, 'other'))
    writeFileSync(join(dir, 'other', 'data.mdb'), 'a text')
    const busy = createServer()
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void busy.close())
    const { port } = busy.address() as { port: number }
    expect(failedStart(JSON.stringify({ port: 0, ...optionsOf(dir, port) }))).toEqual({ status: 0, said })
  })

  it('lets go of the folder: the next one gets it', async () => {
    const dataDir = folder()
    const busy = await createBroker({ port: 0 })
    for (const more of [{ port: busy.port }, { port: 0, managementPort: busy.port }])
      await expect(createBroker({ ...more, dataDir })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const broker = await createBroker({ port: 0, dataDir })
    await expect(createBroker({ port: 0, dataDir })).rejects.toBeInstanceOf(StorageError)
    await Promise.all([broker.close(), busy.close()])
  })
})
