/** What a regular expression says, as a tree. */
import type { OctetSet } from './octets.ts'

/** Of a place between octets. `Z`: the end, or before the newline there; `^` and `$`: those of lines. */
export type Assertion = 'A' | 'z' | 'Z' | '^' | '$' | 'b' | 'B'

export type Node =
  | { readonly is: 'octets'; readonly octets: readonly number[] }
  | { readonly is: 'set'; readonly set: OctetSet }
  | { readonly is: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly is: 'choice'; readonly nodes: readonly Node[] }
  | Repeat
  | { readonly is: 'assertion'; readonly kind: Assertion }
  | { readonly is: 'look'; readonly node: Node; readonly behind: boolean; readonly negative: boolean }
  /** Once it has matched, it is not tried in another way. */
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
  /** Numbers of named groups. */
  readonly names: ReadonlyMap<string, number>
  readonly groups: number
  readonly hasReferences: boolean
  readonly hasAtomic: boolean
}
