import { withoutPassword, withoutPasswords } from './without-passwords.ts'

/** The subset of pino that the broker uses; tests and embedding programs may supply their own logger. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Removes the passwords of URLs from all log entries. */
export function discreet(logger: Logger): Logger {
  const line =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      logger[level](withoutPasswords(fields) as object, withoutPassword(message))
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}

/** One logger for each category of RabbitMQ's `log.<category>.level`; `other` is for everything else. */
export interface Loggers {
  readonly other: Logger
  readonly connection: Logger
  readonly channel: Logger
  readonly queue: Logger
}

export const logCategories = ['connection', 'channel', 'queue'] as const

export function oneForAll(logger: Logger): Loggers {
  return { other: logger, connection: logger, channel: logger, queue: logger }
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
