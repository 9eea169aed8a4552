/** Loaded into a broker that is measured, in front of it: tells whoever asks how long its event loop stood still at most. */
import { openSync, readSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()

/** Of this thread; its first number is ns on a CPU. */
const accounts = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
const buffer = Buffer.alloc(100)

function cpuMs(): number {
  const length = readSync(accounts, buffer, 0, buffer.length, 0)
  return Number(buffer.toString('latin1', 0, length).split(' ')[0]) / 1e6
}

let last = cpuMs()
let busyMs = 0
setInterval(() => {
  const now = cpuMs()
  busyMs = Math.max(busyMs, now - last)
  last = now
}, 1).unref()

process.on('message', () => {
  process.send?.({ stallMs: delay.max / 1e6, busyMs })
  delay.reset()
  busyMs = 0
  last = cpuMs()
})
process.channel?.unref()
