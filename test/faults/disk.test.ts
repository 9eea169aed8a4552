import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { FailingDisk, means } from '../support/failing-disk.ts'
import { testFolder } from '../support/folder.ts'
import { type BrokerProcess, runCli, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { publishFrames, table, Wire } from '../support/wire.ts'

const QUEUE = 'precious'
/** ms: longer than the broker waits until it tries a batch again. */
const LONG_MS = 1200

function publish(w: Wire, from: number, to: number): void {
  for (let n = from; n <= to; n++)
    w.write(publishFrames(1, { routingKey: QUEUE, body: String(n), properties: { deliveryMode: 2 } }))
}

async function confirmed(w: Wire, upTo: number): Promise<void> {
  while ((await w.expect(1, MethodId.BasicAck)).deliveryTag < upTo);
}

/** What was confirmed by now would come before the answer. */
async function nothingConfirmed(w: Wire): Promise<void> {
  await w.call(1, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
}

async function publisher(broker: BrokerProcess): Promise<Wire> {
  const w = await Wire.open(broker.url)
  await w.channel(1)
  await w.call(1, MethodId.QueueDeclare, { queue: QUEUE, durable: true }, MethodId.QueueDeclareOk)
  await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
  return w
}

async function drained(broker: BrokerProcess): Promise<number[]> {
  const w = await Wire.open(broker.url)
  await w.channel(1)
  const out: number[] = []
  for (;;) {
    w.send(1, MethodId.BasicGet, { queue: QUEUE, noAck: true })
    const m = await w.next(1)
    if (m.method.id !== MethodId.BasicGetOk) break
    out.push(Number(m.body))
  }
  await w.close()
  return out
}

/** Others are served as before: a transient message waits for its TTL and arrives where it goes then. */
async function othersAreServed(broker: BrokerProcess): Promise<void> {
  const w = await Wire.open(broker.url)
  await w.channel(1)
  const args = table({
    'x-message-ttl': LONG_MS,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'over',
  })
  await w.call(1, MethodId.QueueDeclare, { queue: 'over', exclusive: true }, MethodId.QueueDeclareOk)
  await w.call(
    1,
    MethodId.QueueDeclare,
    { queue: 'wait', exclusive: true, arguments: args },
    MethodId.QueueDeclareOk,
  )
  await w.call(1, MethodId.BasicConsume, { queue: 'over', noAck: true }, MethodId.BasicConsumeOk)
  w.write(publishFrames(1, { routingKey: 'wait', body: 'x' }))
  await w.receive(1, MethodId.BasicDeliver)
  await w.close()
}

async function status(dataDir: string): Promise<string> {
  return (await runCli(['status', '--data-dir', dataDir])).stdout
}

function said(broker: BrokerProcess, what: RegExp): Promise<void> {
  return until(() => broker.lines.some((l) => what.test(l)), String(what))
}

describe.each(means)('a journal that the disk refuses to write (a fault below %s)', (by) => {
  function folders(): { disk: FailingDisk; dataDir: string } {
    const dir = testFolder('disk')
    mkdirSync(join(dir, 'data'))
    return { disk: new FailingDisk(dir, by), dataDir: join(dir, 'data') }
  }

  async function started(dataDir: string, disk: FailingDisk): Promise<BrokerProcess> {
    const broker = await startProcess(dataDir, 0, [], disk.environment)
    onTestFinished(async () => void (await broker.stop('SIGKILL')))
    return broker
  }

  it('EIO: nothing is confirmed from then on, also when the disk is well again, until the next start', async () => {
    const { disk, dataDir } = folders()
    let broker = await started(dataDir, disk)
    let w = await publisher(broker)
    publish(w, 1, 20)
    await confirmed(w, 20)
    disk.fail('EIO')
    publish(w, 21, 25)
    await said(broker, /nothing is confirmed.*restart the broker|restart the broker.*nothing is confirmed/)
    disk.mend()
    expect(await status(dataDir)).toMatch(/^Store refuses writes: .*restart the broker/m)
    publish(w, 26, 30)
    await othersAreServed(broker)
    await nothingConfirmed(w)
    const refused = await runCli(['add_vhost', 'late', '--data-dir', dataDir])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('restart the broker')
    expect(await broker.stop('SIGTERM')).toBe(1)

    broker = await started(dataDir, disk)
    const found = await drained(broker)
    expect(found.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    // What was not confirmed may be there, in its order.
    expect(found).toEqual([...found].sort((a, b) => a - b))
    w = await publisher(broker)
    publish(w, 1, 3)
    await confirmed(w, 3)
    expect(await status(dataDir)).toMatch(/^Store refuses writes: no$/m)
    expect(await broker.stop('SIGTERM')).toBe(0)
  })

  it('EIO in the first start: it fails and says why, and the next one is a first start again', async () => {
    const { disk, dataDir } = folders()
    disk.fail('EIO')
    await expect(startProcess(dataDir, 0, [], disk.environment)).rejects.toThrow(
      /exit code 1\b.*cannot write to the journal, restart the broker: .*EIO/s,
    )
    disk.mend()
    const broker = await started(dataDir, disk)
    const w = await publisher(broker)
    publish(w, 1, 3)
    await confirmed(w, 3)
    expect(await broker.stop('SIGTERM')).toBe(0)
  })

  it('ENOSPC: nothing is confirmed until there is room, and then everything', async () => {
    const { disk, dataDir } = folders()
    let broker = await started(dataDir, disk)
    const w = await publisher(broker)
    publish(w, 1, 20)
    await confirmed(w, 20)
    disk.fail('ENOSPC')
    publish(w, 21, 25)
    await said(broker, /the disk is full/)
    expect(await status(dataDir)).toMatch(/^Store refuses writes: .*the disk is full/m)
    await othersAreServed(broker)
    await nothingConfirmed(w)
    publish(w, 26, 30)
    disk.mend()
    await confirmed(w, 30)
    await broker.stop('SIGKILL')

    broker = await started(dataDir, disk)
    expect(await drained(broker)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    expect(await broker.stop('SIGTERM')).toBe(0)
  })
})
