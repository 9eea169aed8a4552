/** Features that are plugins in RabbitMQ and built into Leveret, by the names of the plugins. */
export const builtInPlugins: readonly string[] = [
  'rabbitmq_auth_backend_oauth2',
  'rabbitmq_auth_mechanism_ssl',
  'rabbitmq_consistent_hash_exchange',
  'rabbitmq_delayed_message_exchange',
  'rabbitmq_management',
  'rabbitmq_management_agent',
  'rabbitmq_prometheus',
  'rabbitmq_random_exchange',
  'rabbitmq_recent_history_exchange',
  'rabbitmq_sharding',
  'rabbitmq_shovel',
  'rabbitmq_shovel_management',
]
