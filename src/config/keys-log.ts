/** Keys of logging. */
import { logCategories } from '../util/logger.ts'
import type { Apply } from './config-builder.ts'
import { boolean, oneOf } from './values.ts'

/** RabbitMQ's log levels and their counterparts here. */
const levels = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warning: 'warning',
  error: 'error',
  critical: 'critical',
  alert: 'critical',
  emergency: 'critical',
  none: 'none',
} as const

/** RabbitMQ accepts comparisons such as `=debug` or `<=notice`, a legacy of lager: only the level counts. */
function level(text: string): string {
  const name = text.replace(/^(=|!=|<=|>=|<|>)/, '')
  return levels[oneOf(name, Object.keys(levels) as (keyof typeof levels)[])]
}

const forAll: Apply = (d, v) => {
  d.logLevel = level(v)
}

export const logKeys: Readonly<Record<string, Apply>> = {
  'log.console': (d, v) => {
    d.logConsole = boolean(v)
  },
  'log.console.stdio': (d, v) => {
    d.logStderr = oneOf(v, ['stdout', 'stderr']) === 'stderr'
  },
  'log.console.formatter': (d, v) => {
    d.logFormat = oneOf(v, ['plaintext', 'json'] as const)
  },
  'log.dir': (d, v) => {
    d.logDir = v
  },
  'log.file': (d, v) => {
    d.logFile = v === 'false' ? undefined : v
  },
  'log.console.level': forAll,
  'log.file.level': forAll,
  'log.default.level': forAll,
  ...Object.fromEntries(
    logCategories.map((category): [string, Apply] => [
      `log.${category}.level`,
      (d, v) => void d.logLevels.set(category, level(v)),
    ]),
  ),
}
