/** Load comes from a process of its own. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Job, JobResult } from './workloads.ts'

export interface Watchers {
  /** What a job waits in between for. */
  readonly ready?: () => void
  /** What is measured begins, and has ended. */
  readonly warm?: () => void
  readonly measured?: () => void
}

interface FromLoad {
  readonly result?: JobResult
  readonly error?: string
  readonly ready?: boolean
  readonly warm?: boolean
  readonly measured?: boolean
}

export function runJob(job: Job, watchers: Watchers = {}): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'load.js'))
    child.on('message', (m: FromLoad) => {
      if (m.ready) {
        watchers.ready?.()
        child.send('go on')
      } else if (m.warm) watchers.warm?.()
      else if (m.measured) watchers.measured?.()
      else if (m.result) resolve(m.result)
      else reject(new Error(m.error))
    })
    child.once('exit', (code) => code !== 0 && reject(new Error(`the load process ended with ${code}`)))
    child.send(job)
  })
}
