/** Load comes from a process of its own. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Job, JobResult } from './workloads.ts'

/** @param whenReady of jobs that wait in between */
export function runJob(job: Job, whenReady: () => Promise<void> = async () => {}): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'load.js'))
    child.on('message', (m: { result?: JobResult; error?: string; ready?: boolean }) => {
      if (m.ready) void whenReady().then(() => child.send('go on'))
      else if (m.result) resolve(m.result)
      else reject(new Error(m.error))
    })
    child.once('exit', (code) => code !== 0 && reject(new Error(`the load process ended with ${code}`)))
    child.send(job)
  })
}
