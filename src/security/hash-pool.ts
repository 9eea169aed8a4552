/**
 * Memory-hard password hashes, computed in dedicated threads: the libuv threads that scrypt would use are also the ones
 * the store writes with, and commits must not wait behind logins. Threads exist only while there is work. Their program
 * is passed as text so that it is found in bundles and with both module systems.
 */
import { Worker } from 'node:worker_threads'
import { FairQueue } from '../util/fair-queue.ts'
import { pause } from '../util/timers.ts'
import { PASSWORD_THREAD_IDLE_MS, PASSWORD_THREADS_MAX } from './login-limits.ts'
import { admit } from './login-queue.ts'

const PROGRAM = `
const { parentPort } = require('node:worker_threads')
const { scryptSync } = require('node:crypto')
parentPort.on('message', ({ password, salt, octets, options }) => {
  try {
    parentPort.postMessage({ key: scryptSync(password, salt, octets, options) })
  } catch (error) {
    parentPort.postMessage({ error: String(error) })
  }
})`

export interface HashRequest {
  readonly password: string
  readonly salt: Uint8Array
  readonly octets: number
  readonly options: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number }
}

interface Job {
  readonly request: HashRequest
  resolve(key: Uint8Array): void
  reject(error: Error): void
}

interface Thread {
  readonly worker: Worker
  job: Job | undefined
}

export class HashPool {
  /** Hashes computed so far. */
  made = 0
  private holders = 0
  private readonly queue = new FairQueue<Job>()
  private readonly threads = new Set<Thread>()
  private idle: AbortController | undefined

  /** Hashes waiting for a thread. */
  get waiting(): number {
    return this.queue.size
  }

  /**
   * Makes room for a login from that address if too many are waiting.
   * @throws AmqpError 506 unless another address has at least two more waiting; its newest login then gets this error
   */
  admit(address: string): void {
    admit(this.queue, address)
  }

  /**
   * @param address on whose behalf: addresses take turns; '' = the broker itself
   * @throws Error if no thread can be started, or the pool is closed in the meantime; AmqpError 506 as `admit`
   */
  hash(request: HashRequest, address = ''): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.queue.push(address, { request, resolve, reject })
      this.next()
    })
  }

  /** Keeps the pool in use until the returned function is called; without holders there are no threads. */
  hold(): () => Promise<void> {
    this.holders++
    let released = false
    return async () => {
      if (released) return
      released = true
      if (--this.holders === 0) await this.close()
    }
  }

  private next(): void {
    this.idle?.abort()
    while (this.queue.size > 0) {
      const thread = [...this.threads].find((t) => t.job === undefined) ?? this.start()
      if (thread === undefined) return
      const job = this.queue.shift() as Job
      thread.job = job
      // A caller is waiting: keep the process alive even if nothing else does.
      thread.worker.ref()
      thread.worker.postMessage(job.request)
    }
    if ([...this.threads].every((t) => t.job === undefined)) this.endWhenIdle().catch(() => {})
  }

  /** Ends the threads after a period without requests; rejects if a request arrives in the meantime. */
  private async endWhenIdle(): Promise<void> {
    this.idle = new AbortController()
    const { signal } = this.idle
    await pause(PASSWORD_THREAD_IDLE_MS, { ref: false, signal })
    if (!signal.aborted) await this.close()
  }

  /** undefined if there are enough threads. */
  private start(): Thread | undefined {
    if (this.threads.size >= PASSWORD_THREADS_MAX) return undefined
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], env: {}, name: 'password hashes' })
    const thread: Thread = { worker, job: undefined }
    this.threads.add(thread)
    const ended = (error: Error): void => {
      if (!this.threads.delete(thread)) return
      thread.job?.reject(error)
      this.next()
    }
    worker.on('message', (answer: { key?: Uint8Array; error?: string }) => {
      const { job } = thread
      thread.job = undefined
      worker.unref()
      this.made++
      if (answer.key !== undefined) job?.resolve(answer.key)
      else job?.reject(new Error(answer.error))
      this.next()
    })
    worker.on('error', ended)
    worker.on('exit', () => ended(new Error('the thread that hashes passwords has ended')))
    return thread
  }

  private async close(): Promise<void> {
    this.idle?.abort()
    const threads = [...this.threads]
    this.threads.clear()
    const jobs = [...this.queue.clear(), ...threads.flatMap((t) => t.job ?? [])]
    for (const job of jobs) job.reject(new Error('the broker is closing'))
    await Promise.all(threads.map((t) => t.worker.terminate()))
  }
}

/** Shared by all brokers of the process. */
export const passwordPool = new HashPool()
