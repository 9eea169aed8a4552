/** What the rows of known-differences.ts look for in the lines of a step. */

/** All lines of a step, in their order. */
export interface Whole {
  readonly leveret: readonly string[]
  readonly rabbit: readonly string[]
}

export const has = (lines: readonly string[], pattern: RegExp): boolean => lines.some((l) => pattern.test(l))
export const both = (a: string, b: string, change: (line: string) => string): readonly [string, string] => [
  change(a),
  change(b),
]
export const didCrash = /connection\.close replyCode=541 replyText=INTERNAL_ERROR/

/** Field tables as texts, in the order of their names. */
export function inOrder(line: string): string {
  return line.replace(/headers=\{.*\}(?= |$)/, (all) => [...all].sort().join(''))
}

export function headersOf(line: string): string {
  return /headers=\{.*\}(?= |$)/.exec(line)?.[0] ?? ''
}

/** Of a quorum queue; NaN where the line is about something else. */
const consumers =
  /^(?:@[qr]: ready=\d+ consumers=|client \d: queue\.declare-ok queue=@[qr] .*consumerCount=)(\d+)$/

export function consumersOf(a: string, b: string): readonly [number, number] {
  return [Number(consumers.exec(a)?.[1]), Number(consumers.exec(b)?.[1])]
}

export function withoutConsumers(line: string): string {
  return line.replace(/=\d+$/, '=?')
}

export function withoutEmpty(line: string): string {
  return line.replace(/ headers=\{\s*\}/, '').replace('headers={ ', 'headers={')
}

/** A header that is a table or a list. */
export const nested = / ?(?:x-h|h|g)=(?:\[a I1 \[true\]\]|\{a=I1 b=\{c="d"\}\})/

export function readyIn(lines: readonly string[]): number {
  return Number(/^@\w: ready=(\d+)/.exec(lines[0] ?? '')?.[1])
}

export function isLetter(a: string, b: string): boolean {
  return a.includes('x-death=') && b.includes('x-death=')
}

function bodyOf(line: string): string | undefined {
  return /: (?:deliver|get) .* (m\d+\.*\(\d+\))/.exec(line)?.[1]
}

/** It was handed out by a quorum queue before. */
export const cameBack = /redelivered=true .*x-(acquired|delivery)-count=/

/** The first messages of a step that are not the same, or nothing. */
export function firstUnlike({ leveret, rabbit }: Whole): readonly [string, string] {
  const [mine, theirs] = [leveret.filter(bodyOf), rabbit.filter(bodyOf)]
  const at = mine.findIndex((l, i) => bodyOf(l) !== bodyOf(theirs[i] ?? ''))
  return [mine[at] ?? '', theirs[at] ?? '']
}

export function sameMessages({ leveret, rabbit }: Whole): boolean {
  const sorted = (lines: readonly string[]): string => lines.map(bodyOf).sort().join()
  return sorted(leveret) === sorted(rabbit)
}

export function withoutKind(line: string): string {
  return line
    .replace(/,?"x-queue-type":"classic"/, '')
    .replace('arguments={,', 'arguments={')
    .replace('arguments={}', 'arguments=null')
}

export function unbroken(line: string): string {
  const text = line
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('\\n ', '')
  return text.replace(/\[(\{.*\})\]/, (_, list: string) =>
    list
      .split('},')
      .map((k) => k.replaceAll(/[{} ]/g, ''))
      .sort()
      .join(),
  )
}
