/** The counters that together are the deliveries of RabbitMQ's API. */
export const DELIVERIES = ['deliver', 'deliver_no_ack', 'get', 'get_no_ack'] as const
