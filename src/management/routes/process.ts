/**
 * The configuration and the log of the process that the broker runs in. Not available if the broker is embedded in
 * another program.
 */
import { LOG_LINES_MAX } from '../../limits.ts'
import { type AddRoute, badRequest, notFound, type Request } from '../http.ts'
import type { ManagedNode, OwnProcess } from '../managed-node.ts'

/** RabbitMQ's names of log levels. */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'none']
const DEFAULT_LINES = 50

export function processRoutes(add: AddRoute, managed: ManagedNode): void {
  /** undefined in an embedding program, which has its own configuration and log. */
  const processOf = (r: Request): OwnProcess | undefined => {
    if (r.params['node'] !== managed.nodeName) throw notFound()
    return managed.process
  }
  const ownProcess = (r: Request): OwnProcess => {
    const own = processOf(r)
    if (own === undefined) throw badRequest('this broker runs inside another program')
    return own
  }
  add('GET', 'nodes/:node/environment', 'administrator', (r) => ({
    configuration: processOf(r)?.configuration() ?? [],
  }))
  add('GET', 'nodes/:node/log', 'administrator', (r) => {
    const text = r.query['lines'] ?? String(DEFAULT_LINES)
    const lines = Number(text)
    if (!Number.isInteger(lines) || lines < 0 || lines > LOG_LINES_MAX)
      throw badRequest(`lines is a whole number up to ${LOG_LINES_MAX}`)
    const log = processOf(r)?.log
    return { file: log?.file ?? null, lines: log?.last(lines) ?? [], written: log?.written() ?? 0 }
  })
  add('PUT', 'nodes/:node/log/level', 'administrator', (r) => {
    const { level, category } = r.body
    const { log } = ownProcess(r)
    if (typeof level !== 'string' || !levels.includes(level))
      throw badRequest(`level ${String(level)} is not supported. Try one of ${levels.join(', ')}`)
    if (category !== undefined && !log.categories.includes(String(category)))
      throw badRequest(`there is no log category ${String(category)}; there are ${log.categories.join(', ')}`)
    log.setLevel(level, category === undefined ? undefined : String(category))
    return r.stored(false)
  })
  add('POST', 'nodes/:node/log/rotate', 'administrator', (r) => {
    const { log } = ownProcess(r)
    if (log.file === undefined)
      throw badRequest('the log is not written to a file: rotate it where its output is stored')
    log.reopen()
    return r.stored(false)
  })
}
