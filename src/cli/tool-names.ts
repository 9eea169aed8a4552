/** What a link to the program may be called: it takes commands only then. */
export const rabbitTools: readonly string[] = [
  'rabbitmqctl',
  'rabbitmq-diagnostics',
  'rabbitmq-queues',
  'rabbitmq-plugins',
  'rabbitmq-streams',
  'rabbitmq-upgrade',
]
