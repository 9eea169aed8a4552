/** A shared placeholder for the messages of all queues that have not had any: there may be very many of those. */
import { Chain } from './chain.ts'
import type { MessageOrder } from './order.ts'
import type { Pager } from './pager.ts'

const never = (): never => {
  throw new TypeError('a message of no queue')
}

/** No message may be appended to it. It is a Chain so that V8 sees a single class at the calls made per message. */
export const noMessages: MessageOrder = new Chain(undefined, { memory: never } as unknown as Pager, never)
