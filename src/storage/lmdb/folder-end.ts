/**
 * The file that says that the last broker of a data folder has written everything before it ended. Deliveries are sent
 * to clients before it is on disk that they were made: without this file, any message may have been delivered.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

const FILE = 'leveret.ended'
const TEXT =
  'The broker has ended properly. Where this file is missing, messages count as delivered before.\n'

/**
 * Whether the file was there. It is gone when this resolves, also if the power fails next. Called when the folder is
 * locked, before anything is delivered.
 */
export async function takeEnd(dir: string): Promise<boolean> {
  const path = join(dir, FILE)
  if (!existsSync(path)) return false
  try {
    rmSync(path)
    if (process.platform === 'win32') return true
    const folder = await open(dir, 'r')
    await folder.sync().finally(() => folder.close())
    return true
  } catch {
    // Of a folder that cannot be changed, nothing is believed.
    return false
  }
}

/** Called while the folder is still locked. If this fails, the next start assumes the worst. */
export function noteEnd(dir: string): void {
  try {
    writeFileSync(join(dir, FILE), TEXT, { mode: 0o600 })
  } catch {}
}
