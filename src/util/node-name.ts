import { hostname } from 'node:os'

/** The node's name, formed like those of RabbitMQ. */
export const nodeName = `leveret@${hostname()}`
