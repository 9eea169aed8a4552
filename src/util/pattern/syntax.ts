/** The syntax tree of a regular expression. */
import type { OctetSet } from './octets.ts'

/** Zero-width assertions. `Z`: at the end, or before a final newline; `^` and `$`: at line boundaries. */
export type Assertion = 'A' | 'z' | 'Z' | '^' | '$' | 'b' | 'B'

export type Node =
  | { readonly is: 'octets'; readonly octets: readonly number[] }
  | { readonly is: 'set'; readonly set: OctetSet }
  | { readonly is: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly is: 'choice'; readonly nodes: readonly Node[] }
  | Repeat
  | { readonly is: 'assertion'; readonly kind: Assertion }
  | { readonly is: 'look'; readonly node: Node; readonly behind: boolean; readonly negative: boolean }
  /** Once it has matched, no alternatives inside it are tried. */
  | { readonly is: 'atomic'; readonly node: Node }
  | { readonly is: 'group'; readonly node: Node; readonly index: number }
  | { readonly is: 'reference'; readonly to: number | string; readonly anyCase: boolean }

export interface Repeat {
  readonly is: 'repeat'
  readonly node: Node
  readonly min: number
  /** Infinity = none */
  readonly max: number
  readonly lazy: boolean
}

export interface Syntax {
  readonly root: Node
  /** Group numbers by name. */
  readonly names: ReadonlyMap<string, number>
  readonly groups: number
  readonly hasReferences: boolean
  readonly hasAtomic: boolean
}
