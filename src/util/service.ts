/**
 * Reports the state of the broker to systemd if it has asked for that (Type=notify). Node has no Unix datagram sockets,
 * so the messages are sent by systemd's own program.
 */
import { spawn } from 'node:child_process'

function notify(...messages: string[]): void {
  const child = spawn('systemd-notify', messages, { stdio: 'ignore' })
  // Without that program nothing is waiting for the message.
  child.on('error', () => {})
}

export class Service {
  private readonly wanted: boolean
  private watchdog: NodeJS.Timeout | undefined

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.wanted = environment['NOTIFY_SOCKET'] !== undefined
    const every = Number(environment['WATCHDOG_USEC'] ?? 0) / 1000
    if (!this.wanted || every <= 0) return
    // A blocked event loop sends nothing, which is what the watchdog detects.
    this.watchdog = setInterval(() => {
      try {
        notify(`--pid=${process.pid}`, 'WATCHDOG=1')
      } catch {
        // No process can be started at the moment: systemd waits for the next message.
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
