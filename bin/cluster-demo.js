// npm run cluster:demo: three nats-servers and three brokers on this machine, to try out the failure of one of them.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = join(dirname(fileURLToPath(import.meta.url)), 'leveret.js')
const nats = process.env.NATS_SERVER ?? 'nats-server'
const names = ['a', 'b', 'c']
/** ms after which to check why the cluster is not ready. */
const HELP_MS = 8000

if (spawnSync(nats, ['--version']).error !== undefined) {
  process.stderr.write(
    'nats-server is not there. Install 2.10.23 or newer (Debian 13: apt-get install nats-server), or say where it is: NATS_SERVER=/path/to/nats-server\n',
  )
  process.exit(1)
}

const { natsConfig } = await import('../dist/cluster/nats-config.js')
const dir = mkdtempSync(join(tmpdir(), 'leveret-cluster-'))
const children = new Map()

/** Resolves with the wanted port if it is free, otherwise with another one. */
function freePort(wanted) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(freePort(0)))
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function run(name, command, args, more = {}) {
  const log = createWriteStream(join(dir, `${name}.log`), { flags: 'a' })
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...more })
  child.stdout.pipe(log)
  child.stderr.pipe(log)
  children.set(name, child)
  child.once('exit', (code, signal) => {
    if (children.get(name) === child) children.delete(name)
    if (!ending) process.stdout.write(`${name} has ended (${signal ?? code})\n`)
  })
}

let ending = false
async function end() {
  if (ending) return
  ending = true
  const all = [...children.values()]
  const gone = all.map((c) => new Promise((resolve) => c.once('exit', resolve)))
  for (const c of all) c.kill('SIGTERM')
  setTimeout(() => {
    for (const c of all) c.kill('SIGKILL')
  }, 5000).unref()
  await Promise.all(gone)
  rmSync(dir, { recursive: true, force: true })
  process.exit(0)
}
process.on('SIGINT', end)
process.on('SIGTERM', end)

const servers = []
for (const [i] of names.entries()) {
  const storeDir = join(dir, `nats-${i + 1}`)
  mkdirSync(storeDir)
  servers.push({
    name: `nats-${i + 1}`,
    host: '127.0.0.1',
    port: await freePort(0),
    routePort: await freePort(0),
    monitorPort: await freePort(0),
    storeDir,
  })
}
function runServer(s) {
  run(s.name, nats, ['-c', join(dir, `${s.name}.conf`)])
}

/** The names of the servers that are members according to the leader; none while there is no leader. */
async function members() {
  for (const s of servers) {
    try {
      const r = await fetch(`http://127.0.0.1:${s.monitorPort}/jsz`, { signal: AbortSignal.timeout(500) })
      const { meta_cluster: meta } = await r.json()
      if (meta?.leader === s.name) return [s.name, ...(meta.replicas ?? []).map((m) => m.name)]
    } catch {
      // The server has not started yet.
    }
  }
  return []
}

/** Restarts servers that have not joined: when servers start at the same moment, one may be left out. */
async function helpServers() {
  const known = await members()
  for (const s of servers) {
    if (known.length === 0 || known.includes(s.name)) continue
    process.stdout.write(`${s.name} has not joined the others: it is started again\n`)
    const child = children.get(s.name)
    if (child !== undefined) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    }
    if (!ending) runServer(s)
  }
}

for (const s of servers) {
  const options = {
    cluster: 'demo',
    servers,
    password: undefined,
    routePassword: undefined,
    bind: '127.0.0.1',
  }
  writeFileSync(join(dir, `${s.name}.conf`), natsConfig(s, options))
  runServer(s)
}
const secret = randomBytes(16).toString('hex')
const ports = []
for (const [i, name] of names.entries()) {
  const [amqp, http, peer] = [
    await freePort(5672 + i),
    await freePort(15_672 + i),
    await freePort(25_672 + i),
  ]
  ports.push({ name, amqp, http })
  const config = join(dir, `${name}.conf`)
  writeFileSync(config, `cluster.peer.port = 127.0.0.1:${peer}\ncluster.secret = ${secret}\n`)
  const urls = [0, 1, 2].map((k) => `nats://127.0.0.1:${servers[(i + k) % 3].port}`).join(',')
  const args = [
    program,
    'start',
    '--bind',
    '127.0.0.1',
    '--port',
    String(amqp),
    '--management-port',
    String(http),
  ]
  args.push('--metrics-port', 'none', '--data-dir', join(dir, name), '--config', config)
  args.push('--cluster-name', 'demo', '--node-name', name, '--cluster-urls', urls)
  run(name, process.execPath, args)
}

const headers = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }
async function status() {
  for (const { http } of ports) {
    try {
      const r = await fetch(`http://127.0.0.1:${http}/api/cluster/status`, {
        headers,
        signal: AbortSignal.timeout(500),
      })
      if (r.ok) return await r.json()
    } catch {
      // Another node may respond.
    }
  }
  return undefined
}

let last = ''
let shown = false
let helpAt = Date.now() + HELP_MS
for (;;) {
  if (!shown && Date.now() > helpAt) {
    helpAt = Date.now() + HELP_MS
    await helpServers()
  }
  const s = await status()
  const serving = s?.nodes.find((n) => n.active && n.state === 'serving')?.name ?? ''
  if (serving !== last && !ending) {
    last = serving
    process.stdout.write(serving === '' ? 'no node serves clients\n' : `node ${serving} serves clients\n`)
  }
  if (!shown && s?.nodes.length === names.length && serving !== '') {
    shown = true
    const pids = ports.map(
      ({ name, amqp, http }) =>
        `  ${name}  amqp://127.0.0.1:${amqp}  http://127.0.0.1:${http}  pid ${children.get(name)?.pid}`,
    )
    const [follower, other] = names.filter((name) => name !== serving)
    const command = `node ${relative(process.cwd(), program)} cluster`
    const folder = `--data-dir ${join(dir, follower)}`
    process.stdout.write(`
Three brokers (user guest, password guest); a client may be given any of them:
${pids.join('\n')}
and three nats-servers: ${servers.map((x) => `${x.name} pid ${children.get(x.name)?.pid}`).join(', ')}

Try in another terminal:
  ${command} status ${folder}
  ${command} promote ${other} ${folder}
  kill -9 ${children.get(serving)?.pid}     node ${serving}, which serves now: another one takes over in a second
Logs are in ${dir}. Ctrl-C ends everything and removes it.
`)
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
}
