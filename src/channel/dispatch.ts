/** Passes a decoded method to its handler. */
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import type { AnyMethod, ClientMethod } from '../protocol/generated/methods.ts'
import type { Channel } from './channel.ts'
import { basicMethods } from './methods/basic.ts'
import { channelMethods } from './methods/channel.ts'
import { exchangeMethods } from './methods/exchange.ts'
import type { Handlers } from './methods/handler.ts'
import { queueMethods } from './methods/queue.ts'
import { txMethods } from './methods/tx.ts'

const handlers = {
  ...channelMethods,
  ...exchangeMethods,
  ...queueMethods,
  ...basicMethods,
  ...txMethods,
} satisfies Handlers

/** @throws AmqpError from the handler; 503 for a method that only the server sends */
export function dispatch(ch: Channel, m: AnyMethod): void {
  const handler = (handlers as Record<number, (ch: Channel, m: ClientMethod) => void>)[m.id]
  if (handler === undefined) throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method')
  if (ch.owesConfirm) ch.sendConfirms()
  handler(ch, m as ClientMethod)
}
