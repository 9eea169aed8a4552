/** The way of a message through the files, as docs/architecture.md lists it for whoever follows it for the first time. */
import { readFileSync } from 'node:fs'
import { expect, it, onTestFinished, vi } from 'vitest'
import { Segment } from '../../src/broker/messages/segment.ts'
import { createBroker } from '../../src/index.ts'
import { Output } from '../../src/output/output.ts'
import { CH, consume, declareQueue, deliveries, session } from '../support/session.ts'

const FILES_TO_SEGMENT_MAX = 10
const FILES_TO_SOCKET_MAX = 6

/** The files of src on the stack, outermost first, each once, whether they run as they are or built. */
function filesOnStack(): string[] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 100
  const { stack = '' } = new Error('for its stack')
  Error.stackTraceLimit = limit
  const files = [...stack.matchAll(/\/(?:src|build)\/([\w/-]+)\.[jt]s:/g)].map((m) => `${m[1]}.ts`).reverse()
  return files.filter((f, i) => files.indexOf(f) === i)
}

/** The files that the page lists below a heading. */
function listed(heading: string): string[] {
  const page = readFileSync('docs/architecture.md', 'utf8')
  const section = page.slice(page.indexOf(`\n## ${heading}\n`) + 1).split('\n## ')[0] ?? ''
  return [...section.matchAll(/^\d+\. `src\/([^`]+)`/gm)].map((m) => m[1] as string)
}

it('is the one in the architecture, and short', async () => {
  const { port, close } = await createBroker({ port: 0 })
  onTestFinished(close)
  const w = await session({ url: `amqp://guest:guest@127.0.0.1:${port}` } as never)
  const queue = await declareQueue(w)
  w.publish(CH, { routingKey: queue, body: 'the route is remembered' })
  await consume(w, queue, { noAck: true })
  await deliveries(w, 1)

  const ways = { in: [] as string[][], out: [] as string[][] }
  const { append } = Segment.prototype
  const { reserve } = Output.prototype
  onTestFinished(() => void vi.restoreAllMocks())
  vi.spyOn(Segment.prototype, 'append').mockImplementation(function (this: Segment, ...args) {
    ways.in.push([...filesOnStack(), 'broker/messages/segment.ts'])
    append.apply(this, args)
  })
  vi.spyOn(Output.prototype, 'reserve').mockImplementation(function (this: Output, size) {
    ways.out.push([...filesOnStack(), 'output/output.ts'])
    return reserve.call(this, size)
  })
  w.publish(CH, { routingKey: queue, body: 'followed' })
  await deliveries(w, 1)

  // The tools of util/ are on the way, but need not be read.
  const read = (way: string[][]): string[][] =>
    way.map((files) => files.filter((f) => !f.startsWith('util/')))
  expect(read(ways.in)).toEqual([listed('A publish')])
  expect(read(ways.out)).toEqual([listed('A delivery')])
  expect(ways.in[0]?.length).toBeLessThanOrEqual(FILES_TO_SEGMENT_MAX)
  expect(ways.out[0]?.length).toBeLessThanOrEqual(FILES_TO_SOCKET_MAX)
})
