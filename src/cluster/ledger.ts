/**
 * What the shared log says, record by record: whose epoch it is, and which batches count. It is the only judge of that,
 * and it knows nothing but the records in front of it, so every node comes to the same result.
 */
import { type BatchRecord, decodeRecord, type OwnRecord } from './record.ts'

/** How far the log has been read. */
export interface Place {
  /** Of the last record that is dealt with. */
  readonly sequence: number
  /** The current one at that place; 0 = nobody has begun the log. */
  readonly epoch: number
  /** The active node of that epoch. */
  readonly owner: string
  /** The last batch that counts. */
  readonly number: number
}

export const startOfLog: Place = { sequence: 0, epoch: 0, owner: '', number: 0 }

export type Reading =
  /** All of a batch is there; the octets are its own. */
  | { readonly what: 'batch'; readonly number: number; readonly bytes: Uint8Array }
  /** A part of a batch; more is to come. */
  | { readonly what: 'part'; readonly number: number; readonly part: number }
  /** `by` = who has written it. `before` = the owner until here. */
  | {
      readonly what: 'owner'
      readonly epoch: number
      readonly node: string
      readonly run: string
      readonly by: string
      readonly before: string
    }
  | { readonly what: 'beat'; readonly number: number }
  /** The log begins with the data of a node that has another number of batches in its store than this one. */
  | { readonly what: 'apart'; readonly node: string; readonly number: number }
  /** It does not count: of an epoch that is over, or for the second time. */
  | { readonly what: 'nothing' }

const nothing: Reading = { what: 'nothing' }

export class Ledger {
  sequence: number
  epoch: number
  owner: string
  number: number
  /** Of the batch that is coming. */
  private parts: Uint8Array[] = []
  /** The place in front of the batch that is coming, where there is one. */
  private safe: Place

  constructor(place: Place) {
    this.sequence = place.sequence
    this.epoch = place.epoch
    this.owner = place.owner
    this.number = place.number
    this.safe = place
  }

  /** From where on the log has to be read again to go on from here. */
  get place(): Place {
    return this.safe
  }

  /** Which part of the batch `number + 1` comes next. */
  get nextPart(): number {
    return this.parts.length
  }

  /** @throws RecordError for a record that is damaged or of a newer release */
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
