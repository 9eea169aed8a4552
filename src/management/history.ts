/**
 * The history of an object's numbers, for up to a day. Only changes are kept: an object in which nothing happens needs
 * no memory for its history, and readings older than the span are dropped. Recent minutes are kept at a fine
 * resolution, longer spans at a coarse one.
 */

interface Span {
  /** One reading is kept per step, in seconds. */
  readonly step: number
  /** Number of steps. */
  readonly count: number
}

/** RabbitMQ's retention: ten minutes in steps of 5 s, an hour in steps of a minute. */
const SHORT: readonly Span[] = [
  { step: 5, count: 120 },
  { step: 60, count: 60 },
]
/** In addition, eight hours in steps of ten minutes and a day in steps of half an hour. */
const LONG: readonly Span[] = [...SHORT, { step: 600, count: 48 }, { step: 1800, count: 48 }]

/** The counters of one kind of object. */
export interface Kind {
  readonly names: readonly string[]
  /** Whether values may grow by more than 2 ** 31 within one step, or are not integers. */
  readonly wide: boolean
  /** Whether the history is kept for a day instead of an hour. */
  readonly long: boolean
}

/** Times in s since 1970, from the newest to the oldest. */
export interface Range {
  readonly last: number
  readonly step: number
  readonly count: number
}

const ROWS_FIRST = 4

/**
 * The changes within one span, as a ring of rows: a time in s since 1970, and the value of each column that has
 * changed.
 */
class Ring {
  private readonly span: Span
  /** The columns that have changed; the others still have their current value. */
  private columns: readonly number[] = []
  /** Integers are stored modulo 2 ** 32, since only the difference to the next value matters. */
  private data: Int32Array | Float64Array
  private head = 0
  private rows = 0
  /** Whether the ring goes back to when the object was first seen. */
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

  /** Reallocates for the given rows and columns; a new column gets its value in `before` in all previous rows. */
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
    // The clock was set back: readings of times that will come again are dropped.
    if (this.rows > 0 && this.newest > now) this.rows = 0
    if (this.rows === 0) this.push(Math.min(since, now), before)
    const { step } = this.span
    const stepStart = Math.floor(now / step) * step
    // Only one reading is kept per step.
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

  /** Reads a column's values at given times, in descending order; before the object was first seen they are 0. */
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

/** An object's numbers, their rates and their history. Its values change in place. */
export class Series {
  readonly kind: Kind
  private readonly values: number[]
  /** Per second; shared while nothing changes. */
  rates: readonly number[]
  /** In ms since 1970. */
  at: number
  /** When a value last changed, or the time of the first reading. */
  changedAt: number
  private readonly since: number
  private rings: readonly Ring[] | undefined
  /** The round in which the object was last seen. */
  round = 0

  constructor(kind: Kind, values: ArrayLike<number>, now: number) {
    this.kind = kind
    this.values = Array.from(values)
    this.rates = zeros(values.length)
    this.at = now
    this.changedAt = now
    this.since = Math.floor(now / 1000)
  }

  /** The values of the last reading. */
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

  /** If nothing has changed within the longest span, there is no history to keep. */
  private forget(now: number): void {
    const longest = this.rings?.at(-1)
    if (longest !== undefined && longest.newest < now - longest.seconds) this.rings = undefined
  }

  /** Memory used by the history, in octets. */
  get bytes(): number {
    return this.rings?.reduce((n, r) => n + r.bytes, 0) ?? 0
  }

  /** Sums of the given columns, newest first. */
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
