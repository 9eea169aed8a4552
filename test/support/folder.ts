/** Folders of single tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** An empty folder, gone when the test has ended. Call it before anything that uses the folder registers its own end. */
export function testFolder(what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `leveret-${what}-`))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
