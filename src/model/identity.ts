/** Identity shown to clients and tools, whose libraries look for RabbitMQ's name (behaviour.md section 22). */
import { RABBITMQ_VERSION } from '../util/rabbitmq-version.ts'

export interface Identity {
  readonly product: string
  readonly version: string
  readonly clusterName: string
}

export const defaultIdentity: Omit<Identity, 'clusterName'> = {
  product: 'RabbitMQ',
  version: RABBITMQ_VERSION,
}
