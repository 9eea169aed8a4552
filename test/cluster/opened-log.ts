/** A replicated log opened as a node would, for the contract of commit logs: it takes over and reads what there is. */

import {
  type Engine,
  EngineError,
  type LogBounds,
  type LogListener,
  type Unsubscribe,
} from '../../src/cluster/engine.ts'
import { Ledger, type Place, startOfLog } from '../../src/cluster/ledger.ts'
import { decodeRecord, encodeOwn } from '../../src/cluster/record.ts'
import { ReplicatedLog } from '../../src/cluster/replicated-log.ts'
import type { LogRecord } from '../../src/storage/log/commit-log.ts'
import { systemClock } from '../../src/util/clock.ts'
import type { Fault, LogUnderTest } from '../storage/log/contract.ts'
import { manyTurns } from '../storage/log/records.ts'

/** Where each batch ends, as the stores of nodes know it. */
export type Marks = Map<number, Place>

let runs = 0

/** @param from the first record that is needed: the store has those before */
export async function openLog(engine: Engine, from: number, marks: Marks): Promise<ReplicatedLog> {
  const ledger = new Ledger(marks.get(from - 1) ?? { ...startOfLog, number: from - 1 })
  const run = `run-${++runs}`
  const found: LogRecord[] = []
  let log: ReplicatedLog | undefined
  const { last } = await engine.bounds()
  await new Promise<void>((resolve, reject) => {
    let claimed = false
    const claim = (): void => {
      if (claimed || ledger.sequence < last) return
      claimed = true
      engine
        .append(encodeOwn({ epoch: ledger.epoch, number: ledger.number, node: 'a', run, by: 'a' }))
        .catch(reject)
    }
    engine.read(ledger.sequence + 1, {
      gone: (first) => reject(new Error(`gone up to ${first}`)),
      record: (sequence, bytes) => {
        const reading = ledger.read(sequence, bytes)
        marks.set(ledger.place.number, ledger.place)
        if (log !== undefined) {
          log.readBack(reading)
          if (reading.what === 'owner') log.end('another node has taken over')
        } else if (reading.what === 'batch') found.push({ position: reading.number, bytes: reading.bytes })
        else if (reading.what === 'owner' && reading.run === run) resolve()
        claim()
      },
    })
    claim()
  })
  log = new ReplicatedLog({
    engine,
    clock: systemClock,
    ledger,
    epoch: ledger.epoch,
    renewed: () => {},
    found: found.filter((r) => r.position >= from),
  })
  return log
}

/** An engine whose n-th append of a batch goes wrong. */
export class FailingEngine implements Engine {
  private readonly engine: Engine
  private left = 0
  private fault: Fault = 'fail'
  /** Told when the log cannot be read any more. */
  onLost: () => void = () => {}
  private deaf = false

  constructor(engine: Engine) {
    this.engine = engine
  }

  fail(n: number, fault: Fault): void {
    this.left = n
    this.fault = fault
  }

  get connected(): boolean {
    return this.engine.connected
  }

  async append(bytes: Uint8Array): Promise<void> {
    const record = decodeRecord(bytes)
    if (record.kind !== 'batch' || --this.left !== 0) return this.engine.append(bytes)
    if (this.fault === 'full') throw new EngineError('FULL', 'no room')
    if (this.fault === 'fail') {
      const other = { epoch: record.epoch, number: 0, node: 'b', run: 'other', by: 'b' }
      await this.engine.append(encodeOwn(other))
      return this.engine.append(bytes)
    }
    if (this.fault === 'late') {
      await this.engine.append(bytes)
      return manyTurns()
    }
    this.deaf = true
    await this.engine.append(bytes)
    this.deaf = false
    this.onLost()
  }

  read(from: number, listener: LogListener, log?: string): Unsubscribe {
    let lost = false
    return this.engine.read(
      from,
      {
        record: (sequence, bytes) => {
          lost ||= this.deaf
          if (!lost) listener.record(sequence, bytes)
        },
        gone: (first) => listener.gone(first),
      },
      log,
    )
  }

  purge(below: number): Promise<void> {
    return this.engine.purge(below)
  }

  bounds(): Promise<LogBounds> {
    return this.engine.bounds()
  }

  say(bytes: Uint8Array): void {
    this.engine.say(bytes)
  }

  hear(listener: (bytes: Uint8Array) => void): Unsubscribe {
    return this.engine.hear(listener)
  }

  close(): Promise<void> {
    return this.engine.close()
  }
}

/** For the suite of commit logs. */
export function logUnderTest(open: () => Engine): LogUnderTest {
  const marks: Marks = new Map()
  const engine = new FailingEngine(open())
  return {
    open: async (from) => {
      const log = await openLog(engine, from, marks)
      engine.onLost = () => log.end('the log cannot be read any more')
      return log
    },
    fail: (n, fault) => engine.fail(n, fault),
  }
}
