/** The part of pino that the broker uses; tests and embedders may give another. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
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
