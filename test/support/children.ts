/**
 * Processes that tests start. None outlives the file that started it: not where a test fails before it ends them
 * (`endChildren`), not where the worker exits, and not where it is killed (`endListed`, by the run).
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The folder in the run's own with a file for each process: its name is the id, its text when the process began. */
export const CHILDREN = 'children'

const living = new Map<ChildProcess, Promise<unknown>>()

/** When a process began, as the system tells it, so that an id that has been given anew is told apart. */
function began(pid: number): string {
  try {
    // The name, in parentheses, may have blanks in it; the time is the twentieth field behind it.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

/** spawn, of a process that ends with the test file. */
export function startChild(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, options)
  const { pid } = child
  if (pid === undefined) return child
  const folder = join(tmpdir(), CHILDREN)
  const file = existsSync(folder) ? join(folder, String(pid)) : undefined
  if (file !== undefined) writeFileSync(file, began(pid))
  living.set(
    child,
    new Promise((resolve) => {
      child.once('exit', () => {
        living.delete(child)
        if (file !== undefined) rmSync(file, { force: true })
        resolve(undefined)
      })
    }),
  )
  return child
}

/** Resolves when all that run have been killed. */
export async function endChildren(): Promise<void> {
  const ends = [...living.values()]
  killLiving()
  await Promise.all(ends)
}

function killLiving(): void {
  for (const child of living.keys()) child.kill('SIGKILL')
}

process.on('exit', killLiving)

/** Kills what a worker has left that was killed itself. @param folder the run's */
export function endListed(folder: string): void {
  for (const name of readdirSync(join(folder, CHILDREN))) {
    const pid = Number(name)
    const then = readFileSync(join(folder, CHILDREN, name), 'utf8')
    if (began(pid) !== then) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}
