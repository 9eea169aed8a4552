/** Names of links to the program under which it accepts commands. */
export const rabbitTools: readonly string[] = [
  'rabbitmqctl',
  'rabbitmq-diagnostics',
  'rabbitmq-queues',
  'rabbitmq-plugins',
  'rabbitmq-streams',
  'rabbitmq-upgrade',
]
