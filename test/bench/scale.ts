/** Very many of one kind of object: what each takes in time and in memory. npm run bench -- --scale [--only TEXT]. */
import { readFileSync } from 'node:fs'
import { closeAll, connections, consumers } from './many-clients.ts'
import { MeasuredBroker } from './measured-broker.ts'

const PORTS = { amqp: 15_693, http: 15_694, metrics: 15_695 }
/** Of a file of definitions: the body of a request has a bound. */
const PER_FILE = 200_000

interface Piece {
  readonly name: string
  readonly count: number
  /** What is there before. */
  prepare?(b: MeasuredBroker): Promise<unknown>
  make(b: MeasuredBroker): Promise<unknown>
  /** Once they are there. */
  readonly after?: readonly (readonly [name: string, action: (b: MeasuredBroker) => Promise<unknown>])[]
}

function load(b: MeasuredBroker, definitions: object): Promise<number> {
  return b.http('POST', 'definitions', definitions)
}

function several<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

function queues(count: number): object[] {
  return several(count, (i) => ({ name: `q-${i}`, vhost: '/', durable: true }))
}

const BINDINGS = 1_000_000
/** Fewer where a process may not open so many files. */
const CONNECTIONS = Math.min(20_000, Math.floor(openFilesMax() * 0.9))
const POLICIES = 10_000
const VHOSTS = 2_000

function openFilesMax(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/Max open files\s+(\d+)/.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
}

const bindings: Piece = {
  name: 'bindings of a topic exchange',
  count: BINDINGS,
  prepare: (b) =>
    load(b, {
      queues: queues(1_000),
      exchanges: [{ name: 'events', vhost: '/', type: 'topic', durable: true }],
    }),
  async make(b) {
    for (let from = 0; from < BINDINGS; from += PER_FILE)
      await load(b, {
        bindings: several(PER_FILE, (i) => ({
          source: 'events',
          vhost: '/',
          destination: `q-${(from + i) % 1_000}`,
          destination_type: 'queue',
          routing_key: `orders.${i % 100}.${from + i}.*`,
        })),
      })
  },
  after: [
    ['restart with them', async (b) => b.stop().then(() => b.start())],
    ['their end', (b) => b.http('DELETE', 'exchanges/%2F/events')],
  ],
}

const clients: Piece = {
  name: 'connections with a channel and a consumer each',
  count: CONNECTIONS,
  prepare: (b) => load(b, { queues: queues(CONNECTIONS) }),
  async make(b) {
    const opened = await connections(CONNECTIONS, () => b.url)
    for (const [i, c] of opened.entries()) await consumers(c, `q-${i}`, 1)
    open.push(...opened)
  },
  after: [
    ['GET /api/connections?page=1', (b) => b.http('GET', 'connections?page=1')],
    ['GET /metrics', (b) => b.scrape('/metrics')],
    ['their end', async () => closeAll(open.splice(0))],
  ],
}
const open: Awaited<ReturnType<typeof connections>> = []

const policies: Piece = {
  name: 'policies',
  count: POLICIES,
  make: (b) =>
    load(b, {
      policies: several(POLICIES, (i) => ({
        vhost: '/',
        name: `p-${i}`,
        pattern: `^q-${i}(-|$)`,
        'apply-to': 'queues',
        priority: i,
        definition: { 'max-length': i + 1 },
      })),
    }),
  after: [
    ['1,000 queues that are matched against all of them', (b) => load(b, { queues: queues(1_000) })],
    [
      'one more policy over these',
      (b) =>
        b.http('PUT', 'policies/%2F/all', {
          pattern: '^q',
          definition: { 'max-length': 7 },
          'apply-to': 'queues',
          priority: POLICIES,
        }),
    ],
  ],
}

const vhosts: Piece = {
  name: 'vhosts',
  count: VHOSTS,
  make: (b) => load(b, { vhosts: several(VHOSTS, (i) => ({ name: `v-${i}` })) }),
  after: [
    ['GET /api/vhosts', (b) => b.http('GET', 'vhosts')],
    ['GET /api/overview', (b) => b.http('GET', 'overview')],
    ['restart with them', async (b) => b.stop().then(() => b.start())],
  ],
}

function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(
    `| ${cells.map((c) => (typeof c === 'number' ? c.toLocaleString('en-US') : c)).join(' | ')} |\n`,
  )
}

export async function scale(only: string | undefined): Promise<void> {
  row('what', 'number', 's', 'us a piece', 'octets a piece', 'longest stall, ms')
  row(...several(6, () => '---'))
  for (const piece of [bindings, clients, policies, vhosts]) {
    if (only !== undefined && !piece.name.includes(only)) continue
    const b = new MeasuredBroker(PORTS)
    try {
      await b.start()
      await piece.prepare?.(b)
      const before = b.bytes
      const { count } = piece
      const made = await b.measure(() => piece.make(b))
      const each = [(made.ms * 1000) / count, (made.bytes - before) / count].map(Math.round)
      row(piece.name, count, (made.ms / 1000).toFixed(1), ...each, Math.round(made.busyMs))
      for (const [name, action] of piece.after ?? []) {
        const m = await b.measure(() => action(b))
        row(name, '', (m.ms / 1000).toFixed(2), '', '', Math.round(m.busyMs))
      }
    } finally {
      closeAll(open.splice(0))
      await b.remove()
    }
  }
}
