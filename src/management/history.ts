/**
 * What a few numbers of one object were, at most a day back. Only changes are kept: an object in which nothing happens has no
 * history in memory, and what is older than the span is forgotten. Fine steps for the last minutes, coarse ones for longer.
 */

interface Span {
  /** One reading is kept of so many seconds. */
  readonly step: number
  /** Steps. */
  readonly count: number
}

/** As RabbitMQ keeps them: ten minutes by 5 s, an hour by minutes. */
const SHORT: readonly Span[] = [
  { step: 5, count: 120 },
  { step: 60, count: 60 },
]
/** Also eight hours by ten minutes, and a day by half hours. */
const LONG: readonly Span[] = [...SHORT, { step: 600, count: 48 }, { step: 1800, count: 48 }]

/** What the objects of one kind are asked for. */
export interface Kind {
  readonly names: readonly string[]
  /** Values grow by more than 2 ** 31 within one step, or are no whole numbers. */
  readonly wide: boolean
  /** Kept for a day rather than an hour. */
  readonly long: boolean
}

/** Each in s since 1970; from the newest to the oldest. */
export interface Range {
  readonly last: number
  readonly step: number
  readonly count: number
}

const ROWS_FIRST = 4

/** The changes of one span, as a ring of rows: a time in s since 1970, and the value of each column that has changed. */
class Ring {
  private readonly span: Span
  /** Those that have changed; the others are what they are now. */
  private columns: readonly number[] = []
  /** Whole numbers are kept modulo 2 ** 32: what matters is the difference to the next. */
  private data: Int32Array | Float64Array
  private head = 0
  private rows = 0
  /** It goes back to when the object was seen first. */
  complete = true

  constructor(span: Span, wide: boolean) {
    this.span = span
    this.data = wide ? new Float64Array(ROWS_FIRST) : new Int32Array(ROWS_FIRST)
  }

  private get width(): number {
    return this.columns.length + 1
  }

  private get capacity(): number {
    return Math.floor(this.data.length / this.width)
  }

  private at(row: number): number {
    return (this.data[((this.head + row) % this.capacity) * this.width] as number) >>> 0
  }

  /** With room for so many rows and columns; a column that is new has had one value so far. */
  private rebuild(capacity: number, columns: readonly number[], before: ArrayLike<number>): void {
    const data = new (this.data.constructor as Int32ArrayConstructor)(capacity * (columns.length + 1))
    for (let row = 0; row < this.rows; row++) {
      const from = ((this.head + row) % this.capacity) * this.width
      const to = row * (columns.length + 1)
      data[to] = this.data[from] as number
      columns.forEach((c, i) => {
        data[to + 1 + i] = i + 1 < this.width ? (this.data[from + 1 + i] as number) : (before[c] as number)
      })
    }
    this.head = 0
    this.data = data
    this.columns = columns
  }

  add(now: number, since: number, before: ArrayLike<number>, values: ArrayLike<number>): void {
    const added: number[] = []
    for (let c = 0; c < values.length; c++)
      if (values[c] !== before[c] && !this.columns.includes(c)) added.push(c)
    if (added.length > 0) this.rebuild(this.capacity || ROWS_FIRST, [...this.columns, ...added], before)
    // The clock was put back: nothing is known of what comes again.
    if (this.rows > 0 && this.newest > now) this.rows = 0
    if (this.rows === 0) this.push(Math.min(since, now), before)
    const { step } = this.span
    const stepStart = Math.floor(now / step) * step
    // One reading of a step.
    while (this.rows > 1 && this.at(this.rows - 1) >= stepStart) this.rows--
    while (this.rows > 1 && this.at(1) <= now - this.seconds) {
      this.head = (this.head + 1) % this.capacity
      this.rows--
      this.complete = false
    }
    this.push(now, values)
  }

  private push(at: number, values: ArrayLike<number>): void {
    if (this.rows === this.capacity)
      this.rebuild(Math.min(this.capacity * 2, this.span.count + 2), this.columns, values)
    const start = ((this.head + this.rows) % this.capacity) * this.width
    this.data[start] = at
    this.columns.forEach((c, i) => {
      this.data[start + 1 + i] = values[c] as number
    })
    this.rows++
  }

  get newest(): number {
    return this.at(this.rows - 1)
  }

  get seconds(): number {
    return this.span.step * this.span.count
  }

  get bytes(): number {
    return this.data.byteLength
  }

  covers(at: number): boolean {
    return this.complete || at >= this.at(0)
  }

  /** The value of a column at some times, which come in falling order; before it was seen first it is 0. */
  reader(column: number, now: number): (at: number) => number {
    const i = this.columns.indexOf(column) + 1
    let row = this.rows - 1
    let value = now
    const raw = (r: number): number => this.data[((this.head + r) % this.capacity) * this.width + i] as number
    return (at) => {
      while (row >= 0 && this.at(row) > at) {
        if (row > 0 && i > 0) {
          const less = raw(row) - raw(row - 1)
          value -= this.data instanceof Int32Array ? less | 0 : less
        }
        row--
      }
      return row >= 0 || !this.complete ? value : 0
    }
  }
}

/** What an object's numbers are, how fast they grow and what they were. Its values change in place. */
export class Series {
  readonly kind: Kind
  private readonly values: number[]
  /** A second; shared while nothing changes. */
  rates: readonly number[]
  /** In ms since 1970. */
  at: number
  /** When a value was another one than before, or the first reading. */
  changedAt: number
  private readonly since: number
  private rings: readonly Ring[] | undefined
  /** The round in which it was seen last. */
  round = 0

  constructor(kind: Kind, values: ArrayLike<number>, now: number) {
    this.kind = kind
    this.values = Array.from(values)
    this.rates = zeros(values.length)
    this.at = now
    this.changedAt = now
    this.since = Math.floor(now / 1000)
  }

  /** What was read last. */
  get current(): readonly number[] {
    return [...this.values]
  }

  update(values: ArrayLike<number>, now: number): void {
    const ms = now - this.at
    this.at = now
    if (this.values.every((n, i) => n === values[i])) {
      this.rates = zeros(values.length)
      this.forget(Math.floor(now / 1000))
      return
    }
    this.changedAt = now
    this.rates =
      ms <= 0 ? zeros(values.length) : this.values.map((n, i) => (((values[i] as number) - n) * 1000) / ms)
    const { wide, long } = this.kind
    this.rings ??= (long ? LONG : SHORT).map((span) => new Ring(span, wide))
    for (const ring of this.rings) ring.add(Math.floor(now / 1000), this.since, this.values, values)
    for (let i = 0; i < this.values.length; i++) this.values[i] = values[i] as number
  }

  /** Where nothing has changed for the longest of the spans, there is nothing to remember. */
  private forget(now: number): void {
    const longest = this.rings?.at(-1)
    if (longest !== undefined && longest.newest < now - longest.seconds) this.rings = undefined
  }

  /** Octets that the history takes. */
  get bytes(): number {
    return this.rings?.reduce((n, r) => n + r.bytes, 0) ?? 0
  }

  /** Sums of some columns, the newest first. */
  samples(names: readonly string[], { last, step, count }: Range): number[] {
    const columns = names.map((n) => this.kind.names.indexOf(n))
    const readers = this.rings?.map((ring) => {
      const each = columns.map((c) => ring.reader(c, this.values[c] as number))
      return { ring, value: (at: number): number => each.reduce((n, read) => n + read(at), 0) }
    })
    const current = columns.reduce((n, c) => n + (this.values[c] as number), 0)
    return Array.from({ length: count }, (_, i) => {
      const at = last - i * step
      if (readers === undefined) return at >= this.since ? current : 0
      return (readers.find((r) => r.ring.covers(at)) ?? (readers.at(-1) as (typeof readers)[number])).value(
        at,
      )
    })
  }
}

const zerosByLength: (readonly number[])[] = []

function zeros(length: number): readonly number[] {
  zerosByLength[length] ??= new Array<number>(length).fill(0)
  return zerosByLength[length]
}
