/**
 * Interprets the shared log, record by record: who owns the epoch, and which batches count. Nothing else decides that,
 * and the only input is the records themselves, so every node comes to the same result.
 */
import { type BatchRecord, decodeRecord, type OwnRecord } from './record.ts'

/** How far the log has been read. */
export interface Place {
  /** Sequence of the last record that was processed. */
  readonly sequence: number
  /** The epoch at that place; 0 = the log has not been begun. */
  readonly epoch: number
  /** The active node of that epoch. */
  readonly owner: string
  /** Number of the last batch that counts. */
  readonly number: number
}

export const startOfLog: Place = { sequence: 0, epoch: 0, owner: '', number: 0 }

export type Reading =
  /** A complete batch; the octets are its own. */
  | { readonly what: 'batch'; readonly number: number; readonly bytes: Uint8Array }
  /** A part of a batch; more parts follow. */
  | { readonly what: 'part'; readonly number: number; readonly part: number }
  /** A new owner. `by` = the node that appended the record; `before` = the previous owner. */
  | {
      readonly what: 'owner'
      readonly epoch: number
      readonly node: string
      readonly run: string
      readonly by: string
      readonly before: string
    }
  | { readonly what: 'beat'; readonly number: number }
  /** The log begins with the data of a node whose store has a different number of batches than this one's. */
  | { readonly what: 'apart'; readonly node: string; readonly number: number }
  /** The record does not count: its epoch has ended, or it is a duplicate. */
  | { readonly what: 'nothing' }

const nothing: Reading = { what: 'nothing' }

export class Ledger {
  sequence: number
  epoch: number
  owner: string
  number: number
  /** Parts of the incomplete batch. */
  private parts: Uint8Array[] = []
  /** The place before the incomplete batch, if there is one. */
  private safe: Place

  constructor(place: Place) {
    this.sequence = place.sequence
    this.epoch = place.epoch
    this.owner = place.owner
    this.number = place.number
    this.safe = place
  }

  /** The place from which the log has to be read again to continue from here. */
  get place(): Place {
    return this.safe
  }

  /** Index of the next part of batch `number + 1`. */
  get nextPart(): number {
    return this.parts.length
  }

  /** @throws RecordError for a record that is damaged or was written by a newer release */
  read(sequence: number, bytes: Uint8Array): Reading {
    if (sequence <= this.sequence) return nothing
    const record = decodeRecord(bytes)
    this.sequence = sequence
    const reading = this.judge(record, sequence)
    if (this.parts.length === 0) {
      const { epoch, owner, number } = this
      this.safe = { sequence, epoch, owner, number }
    }
    return reading
  }

  private judge(record: ReturnType<typeof decodeRecord>, sequence: number): Reading {
    if (record.epoch !== this.epoch) return nothing
    switch (record.kind) {
      case 'own':
        return this.takeOver(record, sequence)
      case 'batch':
        return this.takePart(record)
      case 'beat':
        return { what: 'beat', number: record.number }
      default: {
        const never: never = record
        throw new TypeError(`unknown record ${JSON.stringify(never)}`)
      }
    }
  }

  private takeOver({ node, run, by, number }: OwnRecord, sequence: number): Reading {
    if (this.epoch === 0 && number !== this.number) return { what: 'apart', node, number }
    const before = this.owner
    this.epoch = sequence
    this.owner = node
    this.parts = []
    return { what: 'owner', epoch: sequence, node, run, by, before }
  }

  private takePart({ number, part, parts, payload }: BatchRecord): Reading {
    if (this.epoch === 0 || number !== this.number + 1 || part !== this.parts.length) return nothing
    this.parts.push(payload)
    if (part + 1 < parts) return { what: 'part', number, part }
    const bytes = parts === 1 ? payload : Buffer.concat(this.parts)
    this.parts = []
    this.number = number
    return { what: 'batch', number, bytes }
  }
}
