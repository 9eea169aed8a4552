/** The process of a broker: from its configuration to the signal that ends it. */
import type { Logger as Pino } from 'pino'
import type { StartOptions } from './cli/arguments.ts'
import type { ConfigBuilder } from './config/config-builder.ts'
import { effectiveText, type Loaded, loadConfig, shownEntries } from './config/load.ts'
import { ConfigError } from './config/parse.ts'
import type { BrokerNode } from './node/node.ts'
import { ProcessLog } from './node/process-log.ts'
import { startNode } from './node/start.ts'
import { inlineMore } from './util/engine-flags.ts'
import { listeningText } from './util/listening.ts'
import { StoreFailure } from './util/owner.ts'
import { GarbageBound, keepYoungHeap } from './util/process-memory.ts'
import { readRegularFile } from './util/regular-file.ts'
import { Service } from './util/service.ts'
import { StartError } from './util/start-error.ts'
import { StopOverdue } from './util/stop-overdue.ts'
import { startTimer } from './util/timers.ts'
import { version } from './util/version.ts'

const EXIT_FAILED = 1
const EXIT_CONFIG = 78
const MOTD_BYTES_MAX = 64 * 1024
/** ms after which a failed start ends the process, whatever it has left open. */
const GIVE_UP_MS = 5000

/** Runs a broker until a signal or an operator stops it. @param since as in main.ts */
export async function runBroker(options: StartOptions, since: number): Promise<void> {
  const loaded = unlessWrong(() => configuration(options))
  if (loaded !== undefined) await start(options, loaded, since)
}

export function printConfiguration(options: StartOptions): void {
  const loaded = unlessWrong(() => configuration(options))
  if (loaded !== undefined) process.stdout.write(effectiveText(loaded))
}

/** @param serves see loadConfig. @throws ConfigError */
function configuration(options: StartOptions, serves = false): Loaded {
  const loaded = loadConfig(options.config, process.env, options.overrides, serves)
  const { draft } = loaded
  draft.dataDir = options.dataDir
  draft.bind = options.bind
  if (options.managementPort !== false) draft.management.port = options.managementPort
  if (options.metricsPort !== false) draft.metrics.port = options.metricsPort
  draft.settings()
  return loaded
}

/** undefined if the configuration is wrong, or the log cannot be written; the error has been reported then. */
function unlessWrong<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (!saysAll(error)) throw error
    process.stderr.write(`leveret: ${error.message}\n`)
    process.exitCode = EXIT_CONFIG
    return undefined
  }
}

async function start(options: StartOptions, loaded: Loaded, since: number): Promise<void> {
  const { draft, ignored } = loaded
  keepYoungHeap()
  inlineMore()
  new GarbageBound().start()
  const log = unlessWrong(() => new ProcessLog(draft))
  if (log === undefined) return
  const { logger, loggers } = log
  const setLevels = (d: ConfigBuilder): void => log.configure(d, options.logLevel)
  setLevels(draft)
  for (const { key, origin } of ignored) logger.warn({ key, origin }, 'this setting has no effect here')
  for (const note of draft.notes) logger.warn({}, note)
  sayMessageOfTheDay(draft.motdFile, logger)
  const settings = draft.settings()
  // Before the start, since a node of a cluster works before its start is complete.
  const survived = surviveFailures(logger)
  const service = new Service(process.env)
  // Ports are open before the start is complete, and a program that sees an open port may send a signal.
  const stop = stopOnSignal(logger, service)
  try {
    const node = await startNode(settings, loggers)
    survived.node = node
    if (stop.started(node)) return
    const startMs = Math.round(node.listeningAt - since)
    const [port] = node.ports
    const { managementPort, metricsPort } = node
    const { listening } = node
    const paths = { http: `${settings.http.pathPrefix}/`, metrics: settings.metricsFormat.path }
    const bind = listening[0]?.address
    node.shutDown = () => void process.kill(process.pid, 'SIGTERM')
    let inForce = loaded
    node.process = { configuration: () => shownEntries(inForce), log: log.access }
    onHangup(logger, () => {
      const again = configuration(options, true)
      node.reload(again.draft.settings())
      setLevels(again.draft)
      inForce = again
    })
    // Not earlier: a program that reads this line may send a signal at once.
    logger.info(
      { version, port, managementPort, metricsPort, bind, dataDir: settings.dataDir, startMs },
      `Leveret ${version} ready: ${listeningText(listening, paths) || 'nothing listens'}`,
    )
    service.ready()
  } catch (error) {
    // Errors of the system about a port, a file or the store need no stack.
    const { code } = error as { code?: unknown }
    logger.fatal(typeof code === 'string' ? { code } : shownError(error), startError(error))
    process.exitCode = EXIT_FAILED
    // Ends the process even if the failed start has left something open: it must not look like a working broker.
    startTimer(() => process.exit(), GIVE_UP_MS).unref()
  }
}

function sayMessageOfTheDay(file: string | undefined, logger: Pino): void {
  if (file === undefined) return
  try {
    logger.info({ file }, readRegularFile(file, MOTD_BYTES_MAX).toString().trimEnd())
  } catch (error) {
    logger.warn({ err: (error as Error).message, file }, 'cannot read the message of the day')
  }
}

function onHangup(logger: Pino, reload: () => void): void {
  process.on('SIGHUP', () => {
    try {
      reload()
      logger.info({}, 'configuration and certificates reloaded')
    } catch (error) {
      logger.error(
        shownError(error, { err: (error as Error).message }),
        'cannot read configuration and certificates again; what was in force stays',
      )
    }
  })
}

/** Whether the error's message is complete, so that it needs no stack. */
function saysAll(error: unknown): error is ConfigError | StartError {
  return error instanceof StartError || error instanceof ConfigError
}

/** The error with its stack, unless its message is complete. */
function shownError(error: unknown, plain: object = {}): object {
  return saysAll(error) ? plain : { err: error }
}

function startError(error: unknown): string {
  const { code, message, port, address } = error as NodeJS.ErrnoException & {
    port?: number
    address?: string
  }
  if (code === 'EADDRINUSE') return `port ${port} on ${address} is in use by another program`
  if (code === 'EACCES' && port !== undefined) return `no permission to listen on port ${port}`
  return message
}

/**
 * The last resort for errors that were charged to no owner. Everything else continues, unless the store is concerned:
 * all that was confirmed is on disk, so ending the process is safe and continuing is not.
 */
function surviveFailures(logger: Pino): { node: BrokerNode | undefined } {
  const survived: { node: BrokerNode | undefined } = { node: undefined }
  process.on('uncaughtException', (err) => {
    if (err instanceof StoreFailure) {
      // Errors of a store, or of the log of a cluster, have a code and a complete message.
      const { code } = (err.cause ?? err) as { code?: unknown }
      const fields = typeof code === 'string' ? { code, err: err.message } : { err }
      logger.fatal(fields, 'the store cannot be trusted, stopping')
      process.exit(EXIT_FAILED)
    }
    if (survived.node === undefined) {
      logger.fatal(shownError(err), startError(err))
      process.exit(EXIT_FAILED)
    }
    survived.node.owner.failed(err)
  })
  return survived
}

/** `process.exit` would wait for threads, and a thread of a disk that does not answer waits for that. */
function endAtOnce(): void {
  process.kill(process.pid, 'SIGKILL')
}

interface Stop {
  /** Whether a signal has arrived already; then the node is closed. */
  started(node: { close(): Promise<void> }): boolean
}

/**
 * Stops the process at a signal. A start that hangs, such as one that waits for NATS, is given up: all that was
 * confirmed is on disk.
 */
function stopOnSignal(logger: Pino, service: Service): Stop {
  let stopping = false
  let node: { close(): Promise<void> } | undefined
  const close = async (): Promise<void> => {
    try {
      await node?.close()
      logger.info({}, 'stopped')
      process.exit(0)
    } catch (error) {
      const isOverdue = error instanceof StopOverdue
      const fields = isOverdue ? { err: error.message } : { err: error }
      logger.fatal(fields, 'stopped, but not everything could be written to the store')
      if (isOverdue) endAtOnce()
      else process.exit(EXIT_FAILED)
    }
  }
  const stop = (signal: string): void => {
    if (stopping) return
    stopping = true
    logger.info({ signal }, 'stopping')
    service.stopping()
    if (node === undefined) startTimer(() => node ?? process.exit(0), GIVE_UP_MS)
    else void close()
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  return {
    started: (started) => {
      node = started
      if (stopping) void close()
      return stopping
    },
  }
}
