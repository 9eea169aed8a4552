/** How much memory the process uses, and getting some of it back. */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const PAGE_BYTES = 4096
let statm: string | undefined = process.platform === 'linux' ? '/proc/self/statm' : undefined

/**
 * Octets of memory that the system cannot take away: on Linux without the mapped files, such as the store's, whose pages
 * are a cache.
 */
export function memoryUsed(): number {
  if (statm === undefined) return process.memoryUsage.rss()
  try {
    const [, resident, shared] = readFileSync(statm, 'latin1').split(' ').map(Number)
    return ((resident as number) - (shared as number)) * PAGE_BYTES
  } catch {
    statm = undefined
    return process.memoryUsage.rss()
  }
}

let collector: (() => void) | undefined

/** Collects garbage now: a process that has nothing to do would keep it for as long as it likes. */
export function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
    setFlagsFromString('--no-expose-gc')
  }
  collector()
}
