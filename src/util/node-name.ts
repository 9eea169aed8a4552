import { hostname } from 'node:os'

/** As RabbitMQ names nodes. */
export const nodeName = `leveret@${hostname()}`
