/** What a hash of a password costs in tests. */
import { onTestFinished } from 'vitest'
import { passwordPool } from '../../src/security/hash-pool.ts'
import { scryptCost } from '../../src/security/passwords.ts'

const REAL = { ...scryptCost }

/**
 * Each login takes a hash; at its real cost they would be most of what the tests take. Applies also to hashes that
 * wait for a thread already.
 */
export function cheapPasswords(): void {
  scryptCost.N = 16
}

let isKept = false

/**
 * The threads that hash stay when a test's broker ends, as if another one were in the process: a thread takes 30 ms of
 * processor time to begin, and most tests log in to a broker of their own. They end when nobody has logged in for a while.
 */
export function keepPasswordThreads(): void {
  if (!isKept) passwordPool.hold()
  isKept = true
}

/**
 * For the rest of a test: with hashes that come from elsewhere, or where the cost is the point.
 * @param part of the real cost, where very many are made
 */
export function realPasswordCost(part = 1): void {
  scryptCost.N = REAL.N * part
  onTestFinished(cheapPasswords)
}
