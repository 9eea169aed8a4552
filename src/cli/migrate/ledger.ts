/** Records in a global parameter of the Leveret which streams have been copied, so that a migration can be resumed. */
import type { Move } from './ends.ts'
import type { QueueRow } from './rows.ts'

export const LEDGER = 'leveret_migration'

export interface Entry {
  readonly state: 'copying' | 'copied'
  /** Number of messages when the copy was complete. */
  readonly count?: number
}

export class Ledger {
  private readonly move: Move
  private readonly entries: Map<string, Entry>

  private constructor(move: Move, entries: Map<string, Entry>) {
    this.move = move
    this.entries = entries
  }

  static async read(move: Move): Promise<Ledger> {
    const found = await move.leveret.find<{ value?: unknown }>(`global-parameters/${LEDGER}`, {})
    const value = found?.value
    const entries =
      value !== null && typeof value === 'object' ? Object.entries(value as Record<string, Entry>) : []
    return new Ledger(move, new Map(entries))
  }

  private key({ vhost, name }: QueueRow): string {
    return [
      this.move.out ? 'to' : 'from',
      this.move.amqp.name,
      encodeURIComponent(vhost),
      encodeURIComponent(name),
    ].join(' ')
  }

  of(q: QueueRow): Entry | undefined {
    return this.entries.get(this.key(q))
  }

  /** Resolves when the entry is on the Leveret's disk. @throws CtlError */
  async set(q: QueueRow, entry: Entry): Promise<void> {
    this.entries.set(this.key(q), entry)
    await this.move.leveret.call('PUT', `global-parameters/${LEDGER}`, {
      value: Object.fromEntries(this.entries),
    })
  }
}
