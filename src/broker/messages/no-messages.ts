/** Stands for the messages of all queues that have not had any: there may be very many of those. */
import { Chain } from './chain.ts'
import type { MessageOrder } from './order.ts'
import type { Pager } from './pager.ts'

const never = (): never => {
  throw new TypeError('a message of no queue')
}

/** Nothing may be appended to it. It is a chain, so that whatever is called for each message meets one class only. */
export const noMessages: MessageOrder = new Chain(undefined, { memory: never } as unknown as Pager, never)
