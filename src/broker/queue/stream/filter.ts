/**
 * x-stream-filter of a consumer: only messages whose x-stream-filter-value is one of the given values are delivered
 * (behaviour.md section 14).
 */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { octetText } from '../../../util/octet-text.ts'
import type { Segment } from '../../messages/segment.ts'

export class StreamFilter {
  private readonly values: ReadonlySet<string>
  private readonly matchUnfiltered: boolean

  private constructor(values: ReadonlySet<string>, matchUnfiltered: boolean) {
    this.values = values
    this.matchUnfiltered = matchUnfiltered
  }

  /** undefined if the consumer has no filter. */
  static of(args: FieldTable): StreamFilter | undefined {
    const v = args.get('x-stream-filter')
    const list = v?.type === 'A' ? v.value : v === undefined ? [] : [v]
    const values = list.flatMap((e) => (e.type === 'S' ? [octetText(e.value)] : []))
    if (values.length === 0) return undefined
    return new StreamFilter(new Set(values), args.get('x-stream-match-unfiltered')?.value === true)
  }

  matches(segment: Segment, index: number): boolean {
    const value = segment.content(index).properties.headers?.text('x-stream-filter-value')
    return value === undefined ? this.matchUnfiltered : this.values.has(value)
  }
}
