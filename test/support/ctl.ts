/** Commands in this process, with their output in hand: a process for each would be most of what they take. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { ctl } from '../../src/cli/ctl/ctl.ts'
import { type BrokerProcess, type Finished, startProcess } from './process.ts'

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

/** A broker process with its HTTP API, and the commands that reach it by its data folder. */
export class CommandTarget {
  readonly dir = mkdtempSync(join(tmpdir(), 'leveret-ctl-'))
  process: BrokerProcess | undefined

  get url(): string {
    return this.process?.url ?? ''
  }

  run(...args: string[]): Promise<Finished> {
    return runCommand([...args, '--data-dir', this.dir])
  }

  /** Its standard output, where all went well. */
  async out(...args: string[]): Promise<string> {
    const r = await this.run(...args)
    expect([args, r.code, r.stderr]).toEqual([args, 0, ''])
    return r.stdout
  }
}

/** Call once in a test file. */
export function useCommands(): CommandTarget {
  const target = new CommandTarget()
  beforeAll(async () => {
    target.process = await startProcess(target.dir, 0, ['--management-port', '0'])
  })
  afterAll(async () => {
    await target.process?.stop('SIGTERM')
    rmSync(target.dir, { recursive: true, force: true })
  })
  return target
}
