/** Damaged values found on disk: counted once each, reported, and kept aside. */
import type { Damage } from '../storage.ts'

/**
 * Maximum octets of damaged values held in memory until the next write keeps them aside; further ones are only counted.
 */
const WAITING_BYTES_MAX = 8 * 1024 * 1024

export class DamageList {
  /** Distinct damaged values found since the store was opened. */
  count = 0
  private readonly known = new Set<string>()
  private readonly listeners: ((damage: Damage) => void)[] = []
  private waiting: { key: string; value: Buffer }[] = []
  private waitingBytes = 0

  onDamage(listener: (damage: Damage) => void): void {
    this.listeners.push(listener)
  }

  /** @param value as found; undefined if missing */
  found(damage: Damage, value: Uint8Array | undefined): void {
    const { kind, log = '', segment = '', index = '', key = '' } = damage
    const name = [kind, log, segment, index, key].join(':')
    if (this.known.has(name)) return
    this.known.add(name)
    this.count++
    if (value !== undefined && this.waitingBytes + value.length <= WAITING_BYTES_MAX) {
      this.waiting.push({ key: name, value: Buffer.from(value) })
      this.waitingBytes += value.length
    }
    for (const listener of this.listeners) listener(damage)
  }

  /** Returns the values to keep aside, and forgets them. */
  take(): readonly { key: string; value: Buffer }[] {
    const { waiting } = this
    this.waiting = []
    this.waitingBytes = 0
    return waiting
  }
}
