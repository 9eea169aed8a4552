/** Debian's rabbitmq-server as a process of one's own: node name, ports and folders apart from any other. */
import { join } from 'node:path'

export const RABBITMQ_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
export const RABBITMQCTL = '/usr/lib/rabbitmq/bin/rabbitmqctl'

/** @param dir a folder that may be deleted afterwards; @param name a name that no other node on the machine has */
export function rabbitEnvironment(
  dir: string,
  name: string,
  port: number,
): Record<string, string | undefined> {
  return {
    PATH: process.env['PATH'],
    HOME: dir,
    RABBITMQ_NODENAME: `${name}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(port + 20_000),
    RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
    RABBITMQ_LOG_BASE: join(dir, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'plugins'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: join(dir, 'none'),
    RABBITMQ_PID_FILE: join(dir, 'pid'),
  }
}
