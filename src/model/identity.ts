/** What clients and tools are told this is: their libraries look for RabbitMQ's name (behaviour.md section 22). */

export interface Identity {
  readonly product: string
  readonly version: string
  readonly clusterName: string
}

/** 3.13: transient queues, real global qos and the delivery rules that Leveret follows. */
export const defaultIdentity: Omit<Identity, 'clusterName'> = { product: 'RabbitMQ', version: '3.13.7' }
