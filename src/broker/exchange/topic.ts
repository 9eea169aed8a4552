import type { Binding, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/**
 * A trie over the words of the binding keys: the cost of a publish depends on the words of its key and on the wildcards
 * met on the way, not on the number of bindings.
 */
interface Node {
  readonly words: Map<string, Node>
  /** bindings whose key ends here */
  readonly ends: Set<Binding>
}

const newNode = (): Node => ({ words: new Map(), ends: new Set() })

/** `#` alone matches the empty key, which has no words at all (behaviour.md section 9). */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.')
}

export class TopicRouting implements ExchangeRouting {
  readonly byKeyOnly = true
  private readonly root = newNode()

  add(b: Binding): void {
    let node = this.root
    for (const word of wordsOf(b.routingKey)) {
      let next = node.words.get(word)
      if (next === undefined) {
        next = newNode()
        node.words.set(word, next)
      }
      node = next
    }
    node.ends.add(b)
  }

  remove(b: Binding): void {
    const path: Node[] = [this.root]
    const words = wordsOf(b.routingKey)
    for (const word of words) {
      const next = path.at(-1)?.words.get(word)
      if (next === undefined) return
      path.push(next)
    }
    path.at(-1)?.ends.delete(b)
    for (let i = words.length; i > 0; i--) {
      const node = path[i] as Node
      if (node.ends.size > 0 || node.words.size > 0) return
      path[i - 1]?.words.delete(words[i - 1] as string)
    }
  }

  route(message: RoutedMessage, matches: Matches): void {
    new Walk(wordsOf(message.routingKey), matches).visit(this.root, 0)
  }
}

/** One search. Visits a node at most once for each position, so that several `#` in a row stay cheap. */
class Walk {
  private readonly words: string[]
  private readonly matches: Matches
  private readonly seen = new Map<Node, Set<number>>()

  constructor(words: string[], matches: Matches) {
    this.words = words
    this.matches = matches
  }

  visit(node: Node, at: number): void {
    this.matches.steps(1)
    const hash = node.words.get('#')
    if (hash !== undefined) this.hash(hash, at)
    if (at === this.words.length) {
      for (const b of node.ends) this.matches.add(b.destination)
      return
    }
    const word = this.words[at] as string
    const exact = node.words.get(word)
    // A published word that reads `*` or `#` is an ordinary word to bindings that do not hold it as a wildcard.
    if (exact !== undefined && word !== '*' && word !== '#') this.visit(exact, at + 1)
    const star = node.words.get('*')
    if (star !== undefined) this.visit(star, at + 1)
  }

  /** `#` takes any number of words, so the search goes on behind it from every position. */
  private hash(node: Node, from: number): void {
    let seen = this.seen.get(node)
    if (seen === undefined) {
      seen = new Set()
      this.seen.set(node, seen)
    }
    for (let at = from; at <= this.words.length; at++) {
      if (seen.has(at)) return
      seen.add(at)
      this.visit(node, at)
    }
  }
}
