import { type Few, itemsOf, withItem, withoutItem } from '../../util/few.ts'
import type { Binding, ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/**
 * A node of a trie over the words of the binding keys: the cost of routing depends on the words of the routing key and
 * the wildcards on the path, not on the number of bindings. Since there may be a million bindings, nodes are small, and
 * words that only one binding has get no nodes.
 */
class Node {
  /** Bindings whose key ends here. */
  ends: Few<Binding> = undefined
  /** If only one word follows: the word, and what follows it. */
  private word: string | undefined = undefined
  private only: Next | undefined = undefined
  /** If several words follow: each word and what follows it alternately in a list, or, if there are many, a map. */
  private words: (string | Next)[] | Map<string, Next> | undefined = undefined

  next(word: string): Next | undefined {
    const { words } = this
    if (words === undefined) return this.word === word ? this.only : undefined
    if (!Array.isArray(words)) return words.get(word)
    const at = positionOf(words, word)
    return at < 0 ? undefined : (words[at + 1] as Next)
  }

  set(word: string, next: Next): void {
    const { words } = this
    if (words === undefined) this.setBesideNoneOrOne(word, next)
    else if (!Array.isArray(words)) words.set(word, next)
    else {
      const at = positionOf(words, word)
      if (at >= 0) words[at + 1] = next
      else if (words.length < 2 * LISTED_MAX) words.push(word, next)
      else this.words = mapOf(words).set(word, next)
    }
  }

  private setBesideNoneOrOne(word: string, next: Next): void {
    if (this.word === undefined || this.word === word) {
      this.word = word
      this.only = next
      return
    }
    this.words = [this.word, this.only as Next, word, next]
    this.word = this.only = undefined
  }

  remove(word: string): void {
    const { words } = this
    if (words === undefined) this.word = this.only = undefined
    else if (!Array.isArray(words)) {
      if (words.delete(word) && words.size === 0) this.words = undefined
    } else {
      const at = positionOf(words, word)
      if (at >= 0) words.splice(at, 2)
      if (words.length === 0) this.words = undefined
    }
  }

  get isEmpty(): boolean {
    return this.ends === undefined && this.word === undefined && this.words === undefined
  }
}

/** Maximum number of words in a list, searched linearly: a map of so few words takes three times the memory. */
const LISTED_MAX = 4

function positionOf(words: readonly (string | Next)[], word: string): number {
  for (let i = 0; i < words.length; i += 2) if (words[i] === word) return i
  return -1
}

function mapOf(listed: readonly (string | Next)[]): Map<string, Next> {
  const words = new Map<string, Next>()
  for (let i = 0; i < listed.length; i += 2) words.set(listed[i] as string, listed[i + 1] as Next)
  return words
}

/** What follows a word: a node, or, instead of nodes, the only binding whose key continues there, if it has no `#`. */
type Next = Node | Binding

/** Splits a key into words. The empty key has none: it is matched by `#` alone (behaviour.md section 9). */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.')
}

/** Whether the words of a binding key without `#`, starting with number `from`, match `words` starting at `at`. */
function restMatches(key: string, from: number, words: readonly string[], at: number): boolean {
  let start = 0
  for (let i = 0; i < from; i++) start = endOfWord(key, start) + 1
  for (let i = at; i < words.length; i++) {
    if (start > key.length) return false
    const end = endOfWord(key, start)
    const word = words[i] as string
    const isAny = end === start + 1 && key[start] === '*'
    if (!isAny && !(word.length === end - start && key.startsWith(word, start))) return false
    start = end + 1
  }
  return start > key.length
}

function endOfWord(key: string, start: number): number {
  const end = key.indexOf('.', start)
  return end < 0 ? key.length : end
}

export class TopicRouting implements ExchangeRouting {
  readonly byKeyOnly = true
  private readonly root = new Node()

  add(b: Binding): void {
    const { routingKey } = b
    const mayBeAlone = !routingKey.includes('#')
    let node = this.root
    /** The words of a binding that so far had no nodes of its own. */
    let others: string[] | undefined
    // Mostly, only this binding has the words that follow the first ones: these are not even split.
    for (let i = 0, start = 0; start <= routingKey.length && routingKey !== ''; i++) {
      const end = endOfWord(routingKey, start)
      const word = routingKey.slice(start, end)
      start = end + 1
      const next = node.next(word)
      if (next instanceof Node) {
        node = next
        continue
      }
      if (next === undefined && mayBeAlone) {
        node.set(word, b)
        return
      }
      const between = new Node()
      node.set(word, between)
      node = between
      if (next === undefined) continue
      others ??= wordsOf(next.routingKey)
      const following = others[i + 1]
      if (following === undefined) between.ends = next
      else between.set(following, next)
    }
    node.ends = withItem(node.ends, b)
  }

  remove(b: Binding): void {
    const path: Node[] = [this.root]
    const words = wordsOf(b.routingKey)
    for (const [i, word] of words.entries()) {
      const next = path[i]?.next(word)
      if (next === b) {
        path[i]?.remove(word)
        break
      }
      if (!(next instanceof Node)) return
      path.push(next)
    }
    const end = path.at(-1) as Node
    if (path.length > words.length) end.ends = withoutItem(end.ends, b)
    for (let i = path.length - 1; i > 0; i--) {
      if (!(path[i] as Node).isEmpty) return
      path[i - 1]?.remove(words[i - 1] as string)
    }
  }

  route(message: RoutedMessage, matches: Matches): void {
    const words = wordsOf(message.routingKey)
    // Splitting the key, and comparing it with a binding that has no nodes of its own, take time per word.
    matches.steps(words.length)
    new Walk(words, matches).visit(this.root, 0, 0)
  }
}

/** One search. It visits a node at most once per position in the key, so that several `#` in a row stay cheap. */
class Walk {
  private readonly words: string[]
  private readonly matches: Matches
  private readonly seen = new Map<Node, Set<number>>()

  constructor(words: string[], matches: Matches) {
    this.words = words
    this.matches = matches
  }

  /** @param depth number of words, including wildcards, on the path to the node */
  visit(node: Node, at: number, depth: number): void {
    this.matches.steps(1)
    const hash = node.next('#')
    if (hash instanceof Node) this.hash(hash, at, depth + 1)
    if (at === this.words.length) {
      for (const b of itemsOf(node.ends)) this.matches.add(b.destination)
      return
    }
    const word = this.words[at] as string
    // `*` and `#` in a routing key are ordinary words, which only wildcards match.
    if (word !== '*' && word !== '#') this.goOn(node.next(word), at + 1, depth + 1)
    this.goOn(node.next('*'), at + 1, depth + 1)
  }

  private goOn(next: Next | undefined, at: number, depth: number): void {
    if (next === undefined) return
    if (next instanceof Node) {
      this.visit(next, at, depth)
      return
    }
    this.matches.steps(1 + this.words.length - at)
    if (restMatches(next.routingKey, depth, this.words, at)) this.matches.add(next.destination)
  }

  /** `#` matches any number of words, so the search continues after it from every position. */
  private hash(node: Node, from: number, depth: number): void {
    let seen = this.seen.get(node)
    if (seen === undefined) {
      seen = new Set()
      this.seen.set(node, seen)
    }
    for (let at = from; at <= this.words.length; at++) {
      if (seen.has(at)) return
      seen.add(at)
      this.visit(node, at, depth)
    }
  }
}
