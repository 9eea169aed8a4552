import { hostname } from 'node:os'

/** Follows RabbitMQ's naming of nodes. */
export const nodeName = `leveret@${hostname()}`
