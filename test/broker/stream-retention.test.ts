/** Streams of very many segments, all of which are too old or too many at the same instant. */

import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { RETIRED_PER_STEP, TURN_MS } from '../../src/limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { timedBroker } from '../support/timed-broker.ts'

/** Each look at the clock takes a whole turn. */
class SlowClock extends ManualClock {
  private looks = 0

  override elapsed(): number {
    return super.elapsed() + ++this.looks * TURN_MS
  }
}

const MESSAGES = 10 * RETIRED_PER_STEP
const settings = { 'x-max-age': '1h', 'x-stream-max-segment-size-bytes': 1 }

function start() {
  const { clock, broker, vhost } = timedBroker(new SlowClock())
  const info = { name: 's', durable: true, exclusive: false, autoDelete: false }
  const kind = queueKind('stream') as QueueKind
  const stream = broker.createQueue(vhost, { ...info, kind, arguments: FieldTable.from(settings) }, undefined)
  const m = new InboundMessage()
  const publish = (): void => {
    // Each fills a segment.
    encodeContent('', 's', {}, Buffer.alloc(4_000), m)
    stream.publish(m)
  }
  for (let i = 0; i < MESSAGES; i++) publish()
  clock.runDeferred()
  return { clock, broker, vhost, stream, publish }
}

const gone = (stream: Queue): number => MESSAGES - stream.counts.ready

describe('segments', () => {
  it('that are too old go in steps', () => {
    const { clock, broker, stream, publish } = start()
    clock.pass(7_200_000)
    publish()
    publish()
    // The last of the old ones may have had messages until the next one came.
    expect(gone(stream)).toBeGreaterThan(0)
    expect(gone(stream)).toBeLessThanOrEqual(3 * RETIRED_PER_STEP)
    clock.runDeferred()
    expect([stream.counts.ready, broker.turn.jobs.size]).toEqual([3, 0])
    expect([...stream.browse()].map((b) => b.sequence)).toEqual([MESSAGES - 1, MESSAGES, MESSAGES + 1])
  })

  it('that are too many after a change of settings, too, until the stream is deleted', () => {
    const { clock, broker, vhost, stream } = start()
    const configure = (maxBytes: number): void =>
      stream.configure(stream.policies, { ...stream.settings, maxBytes })
    configure(500 * 4_096)
    expect(gone(stream)).toBeLessThanOrEqual(2 * RETIRED_PER_STEP)
    clock.runDeferred()
    expect(gone(stream)).toBeGreaterThan(MESSAGES - 520)
    expect(gone(stream)).toBeLessThan(MESSAGES - 480)
    configure(1)
    vhost.removeQueue(stream)
    clock.runDeferred()
    expect(broker.turn.jobs.size).toBe(0)
  })
})
