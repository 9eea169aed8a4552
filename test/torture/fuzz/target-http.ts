/** The HTTP port: whole requests for the routes, and AMQP over WebSocket. Without sockets, on a node in memory. */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { defaultSettings } from '../../../src/config/default-settings.ts'
import { parseBitByBit } from '../../../src/management/http-intake.ts'
import { requests } from '../../../src/management/schemas/requests.ts'
import { ManagementServer } from '../../../src/management/server.ts'
import { serveWebSockets } from '../../../src/management/websocket.ts'
import type { ActiveBroker } from '../../../src/node/active-broker.ts'
import type { BrokerNode } from '../../../src/node/node.ts'
import { resetBroker } from '../../../src/node/reset.ts'
import { startNode } from '../../../src/node/start.ts'
import { scryptCost } from '../../../src/security/passwords.ts'
import { systemClock, type Timer } from '../../../src/util/clock.ts'
import { type Logger, oneForAll } from '../../../src/util/logger.ts'
import { fuzzCalls } from '../../management/hostile.ts'
import { hostileRequest, hostileSession, loginFrames } from '../hostile-input.ts'
import { randomOf } from '../random.ts'
import type { RightsOf } from './broker.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { json, octets, pick, pieces } from './mutate.ts'
import { same } from './oracle.ts'

const SEEDS = 1500
const RESET_EVERY = 400
const ANSWER_MS = 10_000
const READ_ROUNDS = 3
/** They end the process, or last as long as their client stays. */
const skipped = /shutdown|stop_app|\/limits$|log\/level|\/tail|cluster\/promote|backup/

/** A client's connection within this process; what comes back is kept. */
export class Pair extends Duplex {
  readonly remoteAddress = '127.0.0.1'
  readonly localAddress = '127.0.0.1'
  readonly remotePort = 50_000
  readonly localPort = 15_672
  readonly heard: Buffer[] = []
  over = false
  private told: () => void = () => {}
  /** Resolves when the server has ended it. */
  readonly ended: Promise<void>

  constructor(input: Buffer) {
    super({ allowHalfOpen: true, autoDestroy: true })
    this.ended = new Promise((resolve) => {
      this.told = () => {
        this.over = true
        resolve()
      }
    })
    this.on('close', this.told)
    this.push(input)
  }

  /** The client has said all once the server has read it. */
  async say(): Promise<void> {
    for (let quiet = 0; quiet < READ_ROUNDS && !this.over; ) {
      await new Promise((resolve) => void setImmediate(resolve))
      quiet = this.readableLength === 0 && !this.isPaused() ? quiet + 1 : 0
    }
    if (!this.over) this.push(null)
  }

  readonly setTimeout = (): this => this

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.heard.push(Buffer.from(chunk))
    // Streams of events last as long as their client.
    if (chunk.includes('text/event-stream')) setImmediate(() => void this.destroy())
    done()
  }

  override _final(done: () => void): void {
    done()
    this.told()
  }

  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  destroySoon(): void {
    this.end()
  }

  get asSocket(): Socket {
    return this as unknown as Socket
  }
}

async function answered(pair: Pair): Promise<string> {
  let timer: Timer | undefined
  const late = new Promise<void>((resolve) => {
    timer = systemClock.after(ANSWER_MS, resolve)
  })
  await Promise.race([pair.say().then(() => pair.ended), late])
  timer?.cancel()
  same(pair.over, 'a client that has said all gets no answer')
  pair.destroy()
  return Buffer.concat(pair.heard).toString('latin1')
}

/** Keeps the errors that a broker logs. */
class Errors {
  private readonly lines: unknown[] = []

  get logger(): Logger {
    const none = (): void => {}
    const error = (fields: object): void => void this.lines.push((fields as { err?: unknown }).err ?? fields)
    return { trace: none, debug: none, info: none, warn: none, error, fatal: error } as unknown as Logger
  }

  /** @throws the first one */
  check(): void {
    const [error] = this.lines.splice(0)
    if (error !== undefined) throw error instanceof Error ? error : new Error(JSON.stringify(error))
  }
}

const users = [
  { name: 'guest', password: 'guest', tags: ['administrator'] },
  { name: 'few', password: 'h', tags: ['policymaker', 'monitoring'] },
]

async function nodeInMemory(errors: Errors): Promise<BrokerNode> {
  const settings = {
    ...defaultSettings,
    storage: 'memory' as const,
    dataDir: undefined,
    listeners: [],
    management: [],
  }
  return await startNode({ ...settings, metrics: [], users, vhosts: ['hostile'] }, oneForAll(errors.logger))
}

/** Every request is answered, and never with 500. As the owner of the data folder, or as somebody who may do little. */
export async function httpTarget(rights: RightsOf): Promise<FuzzTarget> {
  scryptCost.N = 16
  const errors = new Errors()
  const node = await nodeInMemory(errors)
  const server = new ManagementServer(node, node.settings.http)
  // A client that has said all still gets its answers.
  Object.assign(Reflect.get(server, 'relayed') as object, { httpAllowHalfOpen: true })
  const ask = async (input: Buffer): Promise<string> => {
    const pair = new Pair(input)
    // An address each: those that guess passwords have to wait.
    const address = `10.${count & 255}.${(count >> 8) & 255}.${(count >> 16) & 255}`
    server.take(pair.asSocket, { address, port: 1 }, rights === 'many')
    return await answered(pair)
  }
  let count = 0
  const document = await ask(
    Buffer.from(
      'GET /api/openapi.json HTTP/1.1\r\nHost: a\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nConnection: close\r\n\r\n',
    ),
  )
  const { paths } = JSON.parse(document.slice(document.indexOf('{'))) as { paths: never }
  const calls = fuzzCalls(paths, requests).filter((c) => !skipped.test(c.path))
  const random = randomOf(1)
  const login = { user: 'few', password: 'h', vhost: 'hostile' }
  const request = (r: typeof random): Buffer => hostileRequest(r, pick(r, calls), login)
  const words = [...new Set(calls.flatMap((c) => c.path.split(/[/?&=]/)))].filter(
    (w) => w !== '' && w.length < 60,
  )
  return {
    name: `http-${rights}`,
    bytesMax: 4000,
    seeds: Array.from({ length: SEEDS }, () => request(random)),
    changes: [inBody, pieces(linesOf, (r) => Buffer.from(`${pick(r, words)}: ${pick(r, words)}\r\n`))],
    words: [
      ...words,
      'Transfer-Encoding: chunked\r\n',
      'Content-Length: 5\r\n',
      'HTTP/1.1',
      '\r\n\r\n',
      '%2F',
      '?page=1&page_size=5',
    ],
    async run(input) {
      if (++count % RESET_EVERY === 0) await resetBroker(node.active as ActiveBroker, node.settings, false)
      // Changes of protocol have a target of their own; here nobody listens for them.
      const text = input.toString('latin1')
      if (skipped.test(text) || /upgrade/i.test(text)) return
      const answer = await ask(Buffer.from(input))
      errors.check()
      for (const [line] of answer.matchAll(/HTTP\/1\.[01] \d{3}[^\r]*\r/g))
        same(!/^HTTP\/1\.[01] 50[0246-9]/.test(line), `the answer is ${line.trim()}`)
    },
    async close() {
      await server.close()
      await node.close()
    },
  }
}

const inJson = json([
  'name',
  'vhost',
  'arguments',
  'definition',
  'pattern',
  'tags',
  'value',
  'durable',
  'x-max-length',
])

/** A change within the body, with its length right. */
function inBody(random: Parameters<typeof inJson>[0], input: Buffer): Buffer {
  const at = input.indexOf('\r\n\r\n')
  if (at < 0) return octets(random, input)
  const body = inJson(random, input.subarray(at + 4))
  const head = input
    .toString('latin1', 0, at)
    .replace(/Content-Length: \d+/i, `Content-Length: ${body.length}`)
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), body])
}

function linesOf(input: Buffer): Buffer[] {
  return input
    .toString('latin1')
    .split(/(?<=\r\n)/)
    .map((l) => Buffer.from(l, 'latin1'))
}

const OPCODES = [0, 1, 2, 2, 2, 8, 9, 10, 3, 15]
const MASK_BYTES = 4

/** Masked with zeros, which is as good as any. */
function wsFrame(opcode: number, payload: Buffer, final = true): Buffer {
  const long = payload.length > 125
  const head = Buffer.alloc((long ? 4 : 2) + MASK_BYTES)
  head[0] = opcode | (final ? 0x80 : 0)
  head[1] = 0x80 | (long ? 126 : payload.length)
  if (long) head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

/** The request, and then each frame. */
function wsPieces(input: Buffer): Buffer[] {
  const end = input.indexOf('\r\n\r\n')
  if (end < 0) return [input]
  const out = [input.subarray(0, end + 4)]
  let at = end + 4
  while (at + 2 <= input.length) {
    const short = (input[at + 1] as number) & 127
    const size = short === 126 && at + 4 <= input.length ? 4 + input.readUInt16BE(at + 2) : 2 + short
    const next = Math.min(input.length, at + size + MASK_BYTES)
    out.push(input.subarray(at, next))
    at = next
  }
  return [...out, input.subarray(at)]
}

/** The upgrade is answered, and frames lead to an AMQP connection or to the end of theirs. */
export async function websocketTarget(): Promise<FuzzTarget> {
  scryptCost.N = 16
  const errors = new Errors()
  const node = await nodeInMemory(errors)
  const http = createServer(
    (_request, response) => void response.writeHead(404, { connection: 'close' }).end(),
  )
  Object.assign(http, { httpAllowHalfOpen: true })
  parseBitByBit(http)
  serveWebSockets(http, node.listeners, node.logger, () => {})
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
  const upgrade = (path: string, more = ''): Buffer =>
    Buffer.from(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n${more}\r\n`,
    )
  const login = { user: 'guest', password: 'guest', vhost: '/' }
  const session = loginFrames(login).map((f) => wsFrame(2, f))
  const protocol = 'Sec-WebSocket-Protocol: amqp\r\n'
  const seeds = Array.from({ length: 60 }, (_, i) => {
    const rest = hostileSession(randomOf(i), login).subarray(0, 2000)
    return Buffer.concat([upgrade('/ws/amqp', protocol), wsFrame(2, rest), wsFrame(8, Buffer.from([3, 232]))])
  })
  return {
    name: 'websocket',
    bytesMax: 4000,
    seeds: [
      upgrade('/ws'),
      upgrade('/none'),
      Buffer.concat([upgrade('/ws/amqp', protocol), ...session]),
      ...seeds,
    ],
    changes: [pieces(wsPieces, (r) => wsFrame(pick(r, OPCODES), Buffer.alloc(r(140), r(256)), r(3) > 0))],
    words: [
      'Upgrade: websocket',
      protocol,
      key,
      'HTTP/1.1',
      '\r\n\r\n',
      '/ws/amqp',
      '\u0082\u0080\0\0\0\0',
      '\u0088\u0080\0\0\0\0',
    ],
    async run(input) {
      const pair = new Pair(Buffer.from(input))
      http.emit('connection', pair.asSocket)
      const answer = await answered(pair)
      errors.check()
      same(!/^HTTP\/1\.1 50[0246-9]/.test(answer), `the answer is ${answer.slice(0, 30)}`)
    },
    close: () => node.close(),
  }
}
