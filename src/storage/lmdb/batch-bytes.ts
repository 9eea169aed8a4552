import type { StorageWrite } from '../storage.ts'

/**
 * Space that a batch takes beyond its values, since it rewrites pages up to the root of each tree: a fixed amount plus
 * an amount per write, up to a maximum.
 */
const BATCH_OVERHEAD_BYTES = 64 * 1024
const WRITE_OVERHEAD_BYTES = 3 * 4096
const OVERHEAD_BYTES_MAX = 1024 * 1024

/** Upper bound of the space a batch needs in the store's file. */
export function batchBytes(batch: readonly StorageWrite[]): number {
  let bytes = Math.min(BATCH_OVERHEAD_BYTES + batch.length * WRITE_OVERHEAD_BYTES, OVERHEAD_BYTES_MAX)
  for (const w of batch) {
    if (w.op === 'record') bytes += w.bytes.length
    else if (w.op === 'segment') bytes += w.state.length
    else if (w.op === 'put') bytes += w.value.length
  }
  return bytes
}
