/** What a hash of a password costs in tests. */
import { onTestFinished } from 'vitest'
import { scryptCost } from '../../src/security/passwords.ts'

const REAL = { ...scryptCost }

/**
 * Each login takes a hash; at its real cost they would be most of what the tests take. Applies also to hashes that
 * wait for a thread already.
 */
export function cheapPasswords(): void {
  scryptCost.N = 16
}

/**
 * For the rest of a test: with hashes that come from elsewhere, or where the cost is the point.
 * @param part of the real cost, where very many are made
 */
export function realPasswordCost(part = 1): void {
  scryptCost.N = REAL.N * part
  onTestFinished(cheapPasswords)
}
