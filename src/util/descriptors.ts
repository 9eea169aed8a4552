/**
 * File descriptors are few and everything needs them: the store when it maps its file anew, modules, workers,
 * certificates. Sockets never get the last ones: a server that is guarded here turns connections away before that, or
 * closes one that is of no use yet.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Logger } from './logger.ts'
import { now } from './timers.ts'

/** ms between two lines of the log about connections that were turned away. */
const LOG_MS = 10_000

/** Descriptors kept from sockets: a share of all, within bounds. */
const RESERVE_SHARE = 1 / 16
const RESERVE_MIN = 16
const RESERVE_MAX = 64

/** Connections that can be closed to make room for others. */
export interface Closable {
  /** Since when the next one of them has been there, in ms; undefined = there is none. */
  readonly oldest: number | undefined
  /** Closes it at once. */
  closeOldest(): void
}

/** Descriptors that the process may have open; undefined where the system does not tell. */
export function descriptorLimit(): number | undefined {
  try {
    const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+)/m)
    return line === null ? undefined : Number(line[1])
  } catch {
    return undefined
  }
}

export class Descriptors {
  private readonly logger: Logger
  private readonly limit: number
  private readonly reserve: number
  private readonly closables = new Set<Closable>()
  private turnedAway = 0
  private closed = 0
  private loggedAt = 0

  constructor(logger: Logger, limit = descriptorLimit()) {
    this.logger = logger
    this.limit = limit ?? Number.POSITIVE_INFINITY
    this.reserve = Math.min(RESERVE_MAX, Math.max(RESERVE_MIN, Math.floor(this.limit * RESERVE_SHARE)))
  }

  /**
   * From now on the server takes connections only while there are descriptors for other things too.
   *
   * @param max connections of the server
   * @param reserved the share of the reserve that it may not touch: less than 1 for who comes to help
   */
  guard(server: Server, max = Number.MAX_SAFE_INTEGER, reserved = 1): void {
    // Node asks for this number before it makes a socket of a connection, and closes the connection beyond it.
    Object.defineProperty(server, 'maxConnections', {
      configurable: true,
      get: () => (this.hasRoom(Math.ceil(this.reserve * reserved)) ? max : -1),
    })
    server.on('drop', () => this.count('turnedAway'))
    // A connection that could not be accepted; what keeps it from listening at all is told otherwise.
    server.on('error', () => {
      if (server.listening) this.count('turnedAway')
    })
  }

  /** @returns how to take them away again */
  add(closable: Closable): () => void {
    this.closables.add(closable)
    return () => this.closables.delete(closable)
  }

  /** Asked for a connection that has its descriptor already. */
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
    const at = now()
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

/** Whether so many can be had just now. */
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

/** The number that the next descriptor gets: the system hands out the lowest. Infinity where there is none. */
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
