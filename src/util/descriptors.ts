/**
 * Manages file descriptors, which are scarce and needed everywhere: by the store when it remaps its file, by modules,
 * workers and certificates. Sockets must never use up the last ones: a server guarded here rejects connections before
 * that happens, or closes one that has not logged in yet.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { DESCRIPTORS_MIN } from '../limits.ts'
import type { Logger } from './logger.ts'
import { elapsed } from './timers.ts'

/** Minimum ms between two log entries about rejected connections. */
const LOG_MS = 10_000

/** Descriptors withheld from sockets: a fraction of the limit, within bounds. */
const RESERVE_SHARE = 1 / 16
const RESERVE_MIN = 16
const RESERVE_MAX = 64

/** Connections that may be closed to make room for others. */
export interface Closable {
  /** When the oldest of them was accepted, in ms of `elapsed`; undefined = there is none. */
  readonly oldest: number | undefined
  /** Closes the oldest one immediately. */
  closeOldest(): void
}

/** The process's limit of open descriptors; undefined if the system does not report it. */
export function descriptorLimit(): number | undefined {
  try {
    const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+)/m)
    return line === null ? undefined : Number(line[1])
  } catch {
    return undefined
  }
}

/** Says why the limit of this process is too low for a broker; undefined if it is not. */
export function tooFewDescriptors(limit = descriptorLimit()): string | undefined {
  if (limit === undefined || limit >= DESCRIPTORS_MIN) return undefined
  return (
    `the process may open ${limit} files and sockets, and the broker needs ${DESCRIPTORS_MIN}: ` +
    'raise the limit (ulimit -n, or LimitNOFILE= of systemd)'
  )
}

export class Descriptors {
  private readonly logger: Logger
  private readonly limit: number
  private readonly reserve: number
  private readonly closables = new Set<Closable>()
  private turnedAway = 0
  private closed = 0
  private loggedAt = Number.NEGATIVE_INFINITY

  constructor(logger: Logger, limit = descriptorLimit()) {
    this.logger = logger
    this.limit = limit ?? Number.POSITIVE_INFINITY
    this.reserve = Math.min(RESERVE_MAX, Math.max(RESERVE_MIN, Math.floor(this.limit * RESERVE_SHARE)))
  }

  /**
   * Makes the server accept connections only while enough descriptors remain for other purposes.
   *
   * @param max maximum connections of the server, evaluated for each new one
   * @param reserved the fraction of the reserve that the server must leave: less than 1 for administrative access
   */
  guard(server: Server, max = () => Number.MAX_SAFE_INTEGER, reserved = 1): void {
    // Node reads this property before it creates the socket of a connection, and closes connections above it.
    Object.defineProperty(server, 'maxConnections', {
      configurable: true,
      get: () => (this.hasRoom(Math.ceil(this.reserve * reserved)) ? max() : -1),
    })
    server.on('drop', () => this.count('turnedAway'))
    // A connection could not be accepted; errors that prevent listening at all are reported elsewhere.
    server.on('error', () => {
      if (server.listening) this.count('turnedAway')
    })
  }

  /** Adds connections that may be closed to make room. @returns a function that removes them again */
  add(closable: Closable): () => void {
    this.closables.add(closable)
    return () => this.closables.delete(closable)
  }

  /**
   * Whether a socket may be opened for a client; closes a connection if that makes room for others.
   * @param pending such sockets that may not have their descriptors yet
   */
  mayOpen(pending: number): boolean {
    return this.hasRoom(this.reserve + pending) && lowestFree() + pending < this.limit - this.reserve / 2
  }

  /** Whether a new connection, which already has its descriptor, may stay; closes another one if that makes room. */
  private hasRoom(reserve: number): boolean {
    if (lowestFree() < this.limit - reserve) return true
    let longest: Closable | undefined
    for (const c of this.closables)
      if (c.oldest !== undefined && (longest?.oldest === undefined || c.oldest < longest.oldest)) longest = c
    if (longest === undefined) return false
    longest.closeOldest()
    this.count('closed')
    return true
  }

  private count(what: 'turnedAway' | 'closed'): void {
    this[what]++
    const at = elapsed()
    if (at - this.loggedAt < LOG_MS) return
    const { turnedAway, closed, limit } = this
    this.logger.warn(
      { turnedAway, closed, limit },
      'no file descriptors to spare: connections are turned away, and those closed that have not logged in',
    )
    this.loggedAt = at
    this.turnedAway = 0
    this.closed = 0
  }
}

/** Whether that many descriptors are available right now. */
export function areFree(count: number): boolean {
  const open: number[] = []
  try {
    while (open.length < count) open.push(openSync('/dev/null', 'r'))
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code !== 'EMFILE' && code !== 'ENFILE'
  } finally {
    for (const fd of open) closeSync(fd)
  }
}

/** The number of the next descriptor: the system assigns the lowest free one. Infinity if there is none. */
function lowestFree(): number {
  try {
    const fd = openSync('/dev/null', 'r')
    closeSync(fd)
    return fd
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EMFILE' || code === 'ENFILE' ? Number.POSITIVE_INFINITY : 0
  }
}
