import { withoutPassword, withoutPasswords } from './without-passwords.ts'

/** The part of pino that the broker uses; tests and embedders may give another. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Shows no passwords of addresses, whoever writes a line. */
export function discreet(logger: Logger): Logger {
  const line =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      logger[level](withoutPasswords(fields) as object, withoutPassword(message))
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}

/** One for each category of RabbitMQ's `log.<category>.level`; `other` has the rest. */
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
