/** The log of the broker's process: its destination, its levels, and its last lines. */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { type LogFn, type Logger as Pino, pino, type StreamEntry } from 'pino'
import type { ConfigBuilder } from '../config/config-builder.ts'
import type { OwnProcess } from '../management/managed-node.ts'
import { LastLines } from '../util/last-lines.ts'
import { type Loggers, logCategories } from '../util/logger.ts'
import { hearErrors } from '../util/sockets.ts'
import { StartError } from '../util/start-error.ts'
import { withoutPasswords } from '../util/without-passwords.ts'

/** pino's levels by RabbitMQ's names. */
const pinoLevels: Record<string, string> = {
  notice: 'info',
  warning: 'warn',
  critical: 'fatal',
  none: 'silent',
}

function levelOf(name: string): string {
  return pinoLevels[name] ?? name
}

export class ProcessLog {
  readonly logger: Pino
  readonly loggers: Loggers
  /** Access to the log for the HTTP API. */
  readonly access: OwnProcess['log']
  private readonly categories: ReadonlyMap<string, Pino>

  constructor(draft: ConfigBuilder) {
    const lines = new LastLines()
    const { streams, file, reopen } = destinations(draft)
    const all: StreamEntry[] = [...streams, { stream: lines }]
    for (const s of all) s.level = 'trace'
    this.logger = pino({ level: 'info', hooks: { logMethod: discreetly } }, harmless(pino.multistream(all)))
    this.categories = new Map(logCategories.map((category) => [category, this.logger.child({ category })]))
    this.loggers = { other: this.logger, ...Object.fromEntries(this.categories) } as unknown as Loggers
    this.access = {
      file,
      categories: logCategories,
      last: (count) => lines.last(count),
      written: () => lines.written,
      setLevel: (level, category) => this.setLevel(level, category),
      reopen,
    }
  }

  /** @param given level from the command line; undefined = use the configuration */
  configure(draft: ConfigBuilder, given: string | undefined): void {
    const level = given ?? levelOf(draft.logLevel)
    this.logger.level = level
    for (const [category, child] of this.categories) {
      const own = draft.logLevels.get(category)
      child.level = own === undefined ? level : levelOf(own)
    }
  }

  private setLevel(name: string, category: string | undefined): void {
    const level = levelOf(name)
    if (category === undefined) this.logger.level = level
    for (const [c, child] of this.categories)
      if (category === undefined || c === category) child.level = level
  }
}

interface Destinations {
  readonly streams: StreamEntry[]
  readonly file: string | undefined
  reopen(): void
}

function destinations({ logConsole, logStderr, logFormat, logFile, logDir }: ConfigBuilder): Destinations {
  const streams: StreamEntry[] = []
  let reopen = (): void => {}
  // A log that cannot be written, because the disk is full or the reader has gone, must not stop the broker.
  hearErrors(process.stdout)
  hearErrors(process.stderr)
  const path = logFile && resolve(logDir ?? '', logFile)
  if (path !== undefined) {
    const file = opened(path)
    hearErrors(file)
    streams.push({ stream: file })
    reopen = () => file.reopen()
  }
  const output = logStderr ? process.stderr : process.stdout
  if (logConsole && (logFormat === 'plaintext' || (logFormat === undefined && output.isTTY))) {
    // In this process rather than in a worker thread, whose start-up time a few lines do not justify.
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
    const colorize = output.isTTY === true
    const options = {
      ignore: 'pid,hostname',
      translateTime: 'HH:MM:ss.l',
      singleLine: true,
      sync: true,
      colorize,
    }
    streams.push({ stream: pretty({ ...options, destination: logStderr ? 2 : 1 }) })
  } else if (logConsole) streams.push({ stream: output })
  return { streams, file: path || undefined, reopen }
}

/** @throws StartError */
function opened(path: string): ReturnType<typeof pino.destination> {
  try {
    return pino.destination({ dest: path, mkdir: true, sync: true })
  } catch (error) {
    throw new StartError(`log.file: cannot write to ${path}: ${(error as Error).message}`)
  }
}

/** Characters that terminals may take for commands or for line ends, and that JSON does not escape. */
const CONTROLS = /[\u007f-\u009f\u2028\u2029]/g

/**
 * Escapes them, since lines contain names that clients choose. The escapes are text, so formatters show them as such.
 */
function harmless(streams: ReturnType<typeof pino.multistream>): ReturnType<typeof pino.multistream> {
  const write = streams.write
  streams.write = function (line: string) {
    write.call(
      this,
      line.replace(CONTROLS, (c) => `\\\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
    )
  }
  return streams
}

/** Removes the passwords of URLs from every line. */
function discreetly(this: Pino, args: Parameters<LogFn>, method: LogFn): void {
  method.apply(this, args.map((a) => withoutPasswords(a)) as Parameters<LogFn>)
}
