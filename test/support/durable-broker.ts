/** A broker that is started again on what it has stored. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type BrokerOptions, createBroker, type RunningBroker } from '../../src/index.ts'
import { CH } from './session.ts'
import { Wire } from './wire.ts'

export class DurableBroker {
  broker!: RunningBroker
  /** A connection with a channel; a new one after each start. */
  w!: Wire
  private readonly options: BrokerOptions

  constructor(options: BrokerOptions) {
    this.options = options
  }

  async start(): Promise<void> {
    this.broker = await createBroker(this.options)
    this.w = await Wire.open(this.broker.url)
    await this.w.channel(CH)
  }

  async stop(): Promise<void> {
    this.w.socket.destroy()
    await this.broker.close()
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }
}

/** Call once in a test file: each test begins with an empty data folder. */
export function useDurableBroker(options: BrokerOptions = {}): DurableBroker {
  const dataDir = mkdtempSync(join(tmpdir(), 'leveret-durable-'))
  const t = new DurableBroker({ port: 0, storage: 'lmdb', dataDir, ...options })
  beforeEach(() => t.start())
  afterEach(async () => {
    await t.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return t
}
