/**
 * Tells systemd how the broker is, where systemd has asked (Type=notify). Node has no datagram sockets of this kind, so
 * systemd's own program carries the messages.
 */
import { spawn } from 'node:child_process'

function notify(...messages: string[]): void {
  const child = spawn('systemd-notify', messages, { stdio: 'ignore' })
  // Where there is no such program nobody is waiting either.
  child.on('error', () => {})
}

export class Service {
  private readonly wanted: boolean
  private watchdog: NodeJS.Timeout | undefined

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.wanted = environment['NOTIFY_SOCKET'] !== undefined
    const every = Number(environment['WATCHDOG_USEC'] ?? 0) / 1000
    if (!this.wanted || every <= 0) return
    // An event loop that stands still says nothing: that is what the watchdog is for.
    this.watchdog = setInterval(() => {
      try {
        notify(`--pid=${process.pid}`, 'WATCHDOG=1')
      } catch {
        // No process can be started just now: systemd waits for the next one.
      }
    }, every / 2)
    this.watchdog.unref()
  }

  ready(): void {
    if (this.wanted) notify('--ready', `--pid=${process.pid}`)
  }

  stopping(): void {
    if (this.wanted) notify('--stopping', `--pid=${process.pid}`)
    clearInterval(this.watchdog)
  }
}
