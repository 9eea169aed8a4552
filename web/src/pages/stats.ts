/** The counters whose sum is the number of deliveries in RabbitMQ's API. */
export const DELIVERIES = ['deliver', 'deliver_no_ack', 'get', 'get_no_ack'] as const
