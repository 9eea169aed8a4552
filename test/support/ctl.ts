/** Commands in this process, with their output in hand: a process for each would be most of what they take. */
import { ctl } from '../../src/cli/ctl/ctl.ts'
import type { Finished } from './process.ts'

/** As the program runs the command line; @param tool the name by which it is called */
export async function runCommand(args: readonly string[], tool?: string): Promise<Finished> {
  let [stdout, stderr] = ['', '']
  const terminal = {
    out: (text: string) => {
      stdout += text
    },
    err: (text: string) => {
      stderr += text
    },
  }
  const code = await ctl(args[0] === 'ctl' ? args.slice(1) : args, tool, terminal)
  return { code, stdout, stderr }
}
