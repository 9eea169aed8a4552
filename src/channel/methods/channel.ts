import { AmqpError, ReplyCode } from '../../protocol/errors.ts'
import { MethodId } from '../../protocol/generated/constants.ts'
import type { Handlers } from './handler.ts'

export const channelMethods = {
  [MethodId.ChannelOpen]() {
    throw new AmqpError(ReplyCode.ChannelError, "second 'channel.open' seen")
  },

  [MethodId.ChannelClose](ch) {
    ch.client.closeChannel(ch, () => ch.send({ id: MethodId.ChannelCloseOk }))
  },

  /** Only valid as the reply to the server's close, which the connection handles. */
  [MethodId.ChannelCloseOk]() {
    throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method')
  },

  [MethodId.ChannelFlow](ch, m) {
    if (!m.active) throw new AmqpError(ReplyCode.NotImplemented, 'active=false')
    ch.send({ id: MethodId.ChannelFlowOk, active: true })
  },

  [MethodId.ChannelFlowOk]() {
    throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method')
  },

  /** Realms are obsolete; as in RabbitMQ, the reply has ticket 1. */
  [MethodId.AccessRequest](ch) {
    ch.send({ id: MethodId.AccessRequestOk, ticket: 1 })
  },
} satisfies Partial<Handlers>
