/** The command line's broker: options in, a process that runs until it is told to stop. */
import { createRequire } from 'node:module'
import { type Logger as Pino, pino } from 'pino'
import { helpText, parseArguments, type StartOptions, UsageError } from './cli/arguments.ts'
import { createBroker, StorageError } from './index.ts'
import { version } from './util/version.ts'

const EXIT_USAGE = 64
const EXIT_FAILED = 1

function makeLogger(level: string): Pino {
  if (!process.stdout.isTTY) return pino({ level })
  // In this process rather than a worker thread: a few lines do not earn the start-up time of one.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
  return pino({ level }, pretty({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', sync: true }))
}

/** Runs a command line without the program's name; sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  let command: ReturnType<typeof parseArguments>
  try {
    command = parseArguments(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`leveret: ${error.message}\nTry 'leveret --help'.\n`)
    process.exitCode = EXIT_USAGE
    return
  }
  if (command.name === 'help') process.stdout.write(helpText)
  else if (command.name === 'version') process.stdout.write(`${version}\n`)
  else await start(command.options)
}

async function start(options: StartOptions): Promise<void> {
  const began = process.hrtime.bigint() - BigInt(Math.round(process.uptime() * 1e9))
  const logger = makeLogger(options.logLevel)
  try {
    const broker = await createBroker({
      port: options.port,
      bind: options.bind,
      storage: 'lmdb',
      dataDir: options.dataDir,
      logger,
    })
    const startMs = Number((process.hrtime.bigint() - began) / 1_000_000n)
    logger.info(
      { version, port: broker.port, bind: options.bind, dataDir: options.dataDir, startMs },
      `Leveret ${version} ready: amqp://${options.bind}:${broker.port}`,
    )
    stopOnSignal(broker, logger)
    endOnFailure(logger)
  } catch (error) {
    logger.fatal(
      error instanceof StorageError ? { code: error.code } : { err: error },
      startError(error, options),
    )
    process.exitCode = EXIT_FAILED
  }
}

function startError(error: unknown, options: StartOptions): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `port ${options.port} on ${options.bind} is in use by another program`
  if (code === 'EACCES') return `no permission to listen on port ${options.port}`
  return message
}

/** A bug, or a disk that fails under a read: what was confirmed is on disk, so ending is safe and going on is not. */
function endOnFailure(logger: Pino): void {
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'unexpected failure, stopping')
    process.exit(EXIT_FAILED)
  })
}

function stopOnSignal(broker: { close(): Promise<void> }, logger: Pino): void {
  let stopping = false
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return
    stopping = true
    logger.info({ signal }, 'stopping')
    try {
      await broker.close()
      logger.info({}, 'stopped')
      process.exit(0)
    } catch (error) {
      logger.fatal({ err: error }, 'stopped, but not everything could be written to the store')
      process.exit(EXIT_FAILED)
    }
  }
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))
}
