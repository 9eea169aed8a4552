/** The broker as a process of its own, from the build in dist/. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../src/util/clock.ts'
import { startChild } from './children.ts'
import { WAIT_MS_MAX } from './until.ts'

export interface BrokerProcess {
  readonly port: number
  /** undefined where it has none. */
  readonly managementPort: number | undefined
  readonly metricsPort: number | undefined
  readonly url: string
  readonly child: ChildProcess
  /** Resident memory without mapped files, such as the store's. */
  ownBytes(): number
  /** Its exit code, or the name of the signal that ended it; by then `lines` has all that it said. */
  readonly ended: Promise<number | string>
  /** All lines so far. */
  readonly lines: string[]
  /** Sends the signal and resolves as `ended` does: with SIGKILL where it took too long. */
  stop(signal: NodeJS.Signals): Promise<number | string>
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line to its end. */
export function runCli(
  args: readonly string[],
  program = 'bin/leveret.js',
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = startChild(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (b) => {
    stdout += b
  })
  child.stderr?.on('data', (b) => {
    stderr += b
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}

/** What the line says with which it is ready. */
interface Ready {
  readonly port: number
  readonly managementPort?: number
  readonly metricsPort?: number
}

/** @param preload a module that the process loads first; it has a channel for messages then */
export async function startProcess(
  dataDir: string,
  port = 0,
  more: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  preload?: string,
): Promise<BrokerProcess> {
  const args = [
    ...(preload === undefined ? [] : ['--import', pathToFileURL(preload).href]),
    'bin/leveret.js',
    'start',
    '--port',
    String(port),
    '--management-port',
    'none',
    '--metrics-port',
    'none',
    '--bind',
    '127.0.0.1',
    '--data-dir',
    dataDir,
    ...more,
  ]
  const child = startChild(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit', ...(preload === undefined ? [] : (['ipc'] as const))],
    env: { ...process.env, ...environment },
  })
  const lines: string[] = []
  // Not at its exit: what it has said may come later.
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1)),
  )
  /** What has not come in time comes with the end of the process. */
  const inTime = <T>(coming: Promise<T>): Promise<T> => {
    const timer = systemClock.after(WAIT_MS_MAX, () => void child.kill('SIGKILL'))
    return coming.finally(() => timer.cancel())
  }
  const starting = new Promise<Ready>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      lines.push(line)
      const entry = JSON.parse(line) as Partial<Ready>
      if (entry.port !== undefined) resolve(entry as Ready)
    })
    void ended.then((how) =>
      reject(new Error(`the broker did not start (exit code ${how}); is dist/ built? ${lines.join('\n')}`)),
    )
  })
  const ready = await inTime(starting)
  return {
    ownBytes: () =>
      Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
    port: ready.port,
    managementPort: ready.managementPort,
    metricsPort: ready.metricsPort,
    url: `amqp://guest:guest@127.0.0.1:${ready.port}`,
    child,
    lines,
    ended,
    stop: (signal) => {
      child.kill(signal)
      return inTime(ended)
    },
  }
}
