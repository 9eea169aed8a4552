/** x-stream-offset of a consumer: where it starts in a stream (behaviour.md section 14). */
import { preconditionFailed } from '../../../protocol/errors.ts'
import { type FieldTable, integerOf } from '../../../protocol/field-table.ts'
import { ageMs, typeName, valueText } from '../../arguments/rules.ts'

export type StreamOffset =
  | { readonly from: 'first' | 'last' | 'next' }
  /** A negative number counts from the end. */
  | { readonly from: 'number'; readonly number: number }
  /** In ms since 1970. */
  | { readonly from: 'time'; readonly time: number }

/**
 * Parses the x-stream-offset argument.
 * @param what `queue 'q' in vhost '/'`
 * @throws AmqpError 406 if the value is invalid
 */
export function streamOffset(args: FieldTable, now: number, what: string): StreamOffset {
  const v = args.get('x-stream-offset')
  if (v === undefined) return { from: 'next' }
  const number = integerOf(v)
  if (number !== undefined) return { from: 'number', number }
  if (v.type === 'T') return { from: 'time', time: Number(v.value) * 1000 }
  const text = v.type === 'S' ? v.value.toString() : ''
  if (text === 'first' || text === 'last' || text === 'next') return { from: text }
  const age = ageMs(text)
  if (age !== undefined) return { from: 'time', time: now - age }
  const shown = v.type === 'S' ? `<<${JSON.stringify(text)}>>` : valueText(v)
  throw preconditionFailed(
    `invalid arg 'x-stream-offset' for ${what}: {invalid_stream_offset_arg,{${typeName(v)},${shown}}}`,
  )
}
