import { type Few, itemsOf, withItem, withoutItem } from '../../util/few.ts'
import type { Binding, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/**
 * A trie over the words of the binding keys: the cost of a publish depends on the words of its key and on the wildcards
 * met on the way, not on the number of bindings. There are as many nodes as bindings or more, so they are small.
 */
class Node {
  /** Bindings whose key ends here. */
  ends: Few<Binding> = undefined
  /** The word that follows, where there is only one, and its node. */
  private word: string | undefined = undefined
  private only: Node | undefined = undefined
  private words: Map<string, Node> | undefined = undefined

  next(word: string): Node | undefined {
    if (this.words !== undefined) return this.words.get(word)
    return this.word === word ? this.only : undefined
  }

  add(word: string): Node {
    const node = new Node()
    if (this.words !== undefined) this.words.set(word, node)
    else if (this.word === undefined) {
      this.word = word
      this.only = node
    } else {
      this.words = new Map([
        [this.word, this.only as Node],
        [word, node],
      ])
      this.word = this.only = undefined
    }
    return node
  }

  remove(word: string): void {
    if (this.words === undefined) this.word = this.only = undefined
    else if (this.words.delete(word) && this.words.size === 0) this.words = undefined
  }

  get isEmpty(): boolean {
    return this.ends === undefined && this.word === undefined && this.words === undefined
  }
}

/** `#` alone matches the empty key, which has no words at all (behaviour.md section 9). */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.')
}

export class TopicRouting implements ExchangeRouting {
  readonly byKeyOnly = true
  private readonly root = new Node()

  add(b: Binding): void {
    let node = this.root
    for (const word of wordsOf(b.routingKey)) node = node.next(word) ?? node.add(word)
    node.ends = withItem(node.ends, b)
  }

  remove(b: Binding): void {
    const path: Node[] = [this.root]
    const words = wordsOf(b.routingKey)
    for (const word of words) {
      const next = path.at(-1)?.next(word)
      if (next === undefined) return
      path.push(next)
    }
    const end = path.at(-1) as Node
    end.ends = withoutItem(end.ends, b)
    for (let i = words.length; i > 0; i--) {
      if (!(path[i] as Node).isEmpty) return
      path[i - 1]?.remove(words[i - 1] as string)
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
    const hash = node.next('#')
    if (hash !== undefined) this.hash(hash, at)
    if (at === this.words.length) {
      for (const b of itemsOf(node.ends)) this.matches.add(b.destination)
      return
    }
    const word = this.words[at] as string
    const exact = node.next(word)
    // A published word that reads `*` or `#` is an ordinary word to bindings that do not hold it as a wildcard.
    if (exact !== undefined && word !== '*' && word !== '#') this.visit(exact, at + 1)
    const star = node.next('*')
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
