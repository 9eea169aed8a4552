/** Commands of the program `leveret` that are not among those of ctl. */
export const ownCommands: readonly string[] = ['start', 'config', 'check', 'restore']

/** Names of links to the program under which it accepts commands. */
export const rabbitTools: readonly string[] = [
  'rabbitmqctl',
  'rabbitmq-diagnostics',
  'rabbitmq-queues',
  'rabbitmq-plugins',
  'rabbitmq-streams',
  'rabbitmq-upgrade',
]
