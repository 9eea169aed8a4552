// DO NOT EDIT: written by spec/generate.ts from spec/amqp-0-9-1.json.

import type { FrameWriter } from '../frame-writer.ts'
import type * as T from './methods.ts'

function encodeConnectionStart(w: FrameWriter, m: T.ConnectionStart): void {
  w.u8(m.versionMajor)
  w.u8(m.versionMinor)
  w.table(m.serverProperties)
  w.longstr(m.mechanisms)
  w.longstr(m.locales)
}

function encodeConnectionStartOk(w: FrameWriter, m: T.ConnectionStartOk): void {
  w.table(m.clientProperties)
  w.shortstr(m.mechanism)
  w.longstr(m.response)
  w.shortstr(m.locale)
}

function encodeConnectionSecure(w: FrameWriter, m: T.ConnectionSecure): void {
  w.longstr(m.challenge)
}

function encodeConnectionSecureOk(w: FrameWriter, m: T.ConnectionSecureOk): void {
  w.longstr(m.response)
}

function encodeConnectionTune(w: FrameWriter, m: T.ConnectionTune): void {
  w.u16(m.channelMax)
  w.u32(m.frameMax)
  w.u16(m.heartbeat)
}

function encodeConnectionTuneOk(w: FrameWriter, m: T.ConnectionTuneOk): void {
  w.u16(m.channelMax)
  w.u32(m.frameMax)
  w.u16(m.heartbeat)
}

function encodeConnectionOpen(w: FrameWriter, m: T.ConnectionOpen): void {
  w.shortstr(m.virtualHost)
  w.shortstr(m.capabilities)
  w.u8((m.insist ? 1 : 0))
}

function encodeConnectionOpenOk(w: FrameWriter, m: T.ConnectionOpenOk): void {
  w.shortstr(m.knownHosts)
}

function encodeConnectionClose(w: FrameWriter, m: T.ConnectionClose): void {
  w.u16(m.replyCode)
  w.shortstr(m.replyText)
  w.u16(m.classId)
  w.u16(m.methodId)
}

function encodeConnectionCloseOk(_w: FrameWriter, _m: T.ConnectionCloseOk): void {

}

function encodeConnectionBlocked(w: FrameWriter, m: T.ConnectionBlocked): void {
  w.shortstr(m.reason)
}

function encodeConnectionUnblocked(_w: FrameWriter, _m: T.ConnectionUnblocked): void {

}

function encodeConnectionUpdateSecret(w: FrameWriter, m: T.ConnectionUpdateSecret): void {
  w.longstr(m.newSecret)
  w.shortstr(m.reason)
}

function encodeConnectionUpdateSecretOk(_w: FrameWriter, _m: T.ConnectionUpdateSecretOk): void {

}

function encodeChannelOpen(w: FrameWriter, m: T.ChannelOpen): void {
  w.shortstr(m.outOfBand)
}

function encodeChannelOpenOk(w: FrameWriter, m: T.ChannelOpenOk): void {
  w.longstr(m.channelId)
}

function encodeChannelFlow(w: FrameWriter, m: T.ChannelFlow): void {
  w.u8((m.active ? 1 : 0))
}

function encodeChannelFlowOk(w: FrameWriter, m: T.ChannelFlowOk): void {
  w.u8((m.active ? 1 : 0))
}

function encodeChannelClose(w: FrameWriter, m: T.ChannelClose): void {
  w.u16(m.replyCode)
  w.shortstr(m.replyText)
  w.u16(m.classId)
  w.u16(m.methodId)
}

function encodeChannelCloseOk(_w: FrameWriter, _m: T.ChannelCloseOk): void {

}

function encodeAccessRequest(w: FrameWriter, m: T.AccessRequest): void {
  w.shortstr(m.realm)
  w.u8((m.exclusive ? 1 : 0) | (m.passive ? 2 : 0) | (m.active ? 4 : 0) | (m.write ? 8 : 0) | (m.read ? 16 : 0))
}

function encodeAccessRequestOk(w: FrameWriter, m: T.AccessRequestOk): void {
  w.u16(m.ticket)
}

function encodeExchangeDeclare(w: FrameWriter, m: T.ExchangeDeclare): void {
  w.u16(m.ticket)
  w.shortstr(m.exchange)
  w.shortstr(m.type)
  w.u8((m.passive ? 1 : 0) | (m.durable ? 2 : 0) | (m.autoDelete ? 4 : 0) | (m.internal ? 8 : 0) | (m.nowait ? 16 : 0))
  w.table(m.arguments)
}

function encodeExchangeDeclareOk(_w: FrameWriter, _m: T.ExchangeDeclareOk): void {

}

function encodeExchangeDelete(w: FrameWriter, m: T.ExchangeDelete): void {
  w.u16(m.ticket)
  w.shortstr(m.exchange)
  w.u8((m.ifUnused ? 1 : 0) | (m.nowait ? 2 : 0))
}

function encodeExchangeDeleteOk(_w: FrameWriter, _m: T.ExchangeDeleteOk): void {

}

function encodeExchangeBind(w: FrameWriter, m: T.ExchangeBind): void {
  w.u16(m.ticket)
  w.shortstr(m.destination)
  w.shortstr(m.source)
  w.shortstr(m.routingKey)
  w.u8((m.nowait ? 1 : 0))
  w.table(m.arguments)
}

function encodeExchangeBindOk(_w: FrameWriter, _m: T.ExchangeBindOk): void {

}

function encodeExchangeUnbind(w: FrameWriter, m: T.ExchangeUnbind): void {
  w.u16(m.ticket)
  w.shortstr(m.destination)
  w.shortstr(m.source)
  w.shortstr(m.routingKey)
  w.u8((m.nowait ? 1 : 0))
  w.table(m.arguments)
}

function encodeExchangeUnbindOk(_w: FrameWriter, _m: T.ExchangeUnbindOk): void {

}

function encodeQueueDeclare(w: FrameWriter, m: T.QueueDeclare): void {
  w.u16(m.ticket)
  w.shortstr(m.queue)
  w.u8((m.passive ? 1 : 0) | (m.durable ? 2 : 0) | (m.exclusive ? 4 : 0) | (m.autoDelete ? 8 : 0) | (m.nowait ? 16 : 0))
  w.table(m.arguments)
}

function encodeQueueDeclareOk(w: FrameWriter, m: T.QueueDeclareOk): void {
  w.shortstr(m.queue)
  w.u32(m.messageCount)
  w.u32(m.consumerCount)
}

function encodeQueueBind(w: FrameWriter, m: T.QueueBind): void {
  w.u16(m.ticket)
  w.shortstr(m.queue)
  w.shortstr(m.exchange)
  w.shortstr(m.routingKey)
  w.u8((m.nowait ? 1 : 0))
  w.table(m.arguments)
}

function encodeQueueBindOk(_w: FrameWriter, _m: T.QueueBindOk): void {

}

function encodeQueuePurge(w: FrameWriter, m: T.QueuePurge): void {
  w.u16(m.ticket)
  w.shortstr(m.queue)
  w.u8((m.nowait ? 1 : 0))
}

function encodeQueuePurgeOk(w: FrameWriter, m: T.QueuePurgeOk): void {
  w.u32(m.messageCount)
}

function encodeQueueDelete(w: FrameWriter, m: T.QueueDelete): void {
  w.u16(m.ticket)
  w.shortstr(m.queue)
  w.u8((m.ifUnused ? 1 : 0) | (m.ifEmpty ? 2 : 0) | (m.nowait ? 4 : 0))
}

function encodeQueueDeleteOk(w: FrameWriter, m: T.QueueDeleteOk): void {
  w.u32(m.messageCount)
}

function encodeQueueUnbind(w: FrameWriter, m: T.QueueUnbind): void {
  w.u16(m.ticket)
  w.shortstr(m.queue)
  w.shortstr(m.exchange)
  w.shortstr(m.routingKey)
  w.table(m.arguments)
}

function encodeQueueUnbindOk(_w: FrameWriter, _m: T.QueueUnbindOk): void {

}

function encodeBasicQos(w: FrameWriter, m: T.BasicQos): void {
  w.u32(m.prefetchSize)
  w.u16(m.prefetchCount)
  w.u8((m.global ? 1 : 0))
}

function encodeBasicQosOk(_w: FrameWriter, _m: T.BasicQosOk): void {

}

function encodeBasicConsume(w: FrameWriter, m: T.BasicConsume): void {
  w.u16(m.ticket)
  w.shortstr(m.queue)
  w.shortstr(m.consumerTag)
  w.u8((m.noLocal ? 1 : 0) | (m.noAck ? 2 : 0) | (m.exclusive ? 4 : 0) | (m.nowait ? 8 : 0))
  w.table(m.arguments)
}

function encodeBasicConsumeOk(w: FrameWriter, m: T.BasicConsumeOk): void {
  w.shortstr(m.consumerTag)
}

function encodeBasicCancel(w: FrameWriter, m: T.BasicCancel): void {
  w.shortstr(m.consumerTag)
  w.u8((m.nowait ? 1 : 0))
}

function encodeBasicCancelOk(w: FrameWriter, m: T.BasicCancelOk): void {
  w.shortstr(m.consumerTag)
}

function encodeBasicPublish(w: FrameWriter, m: T.BasicPublish): void {
  w.u16(m.ticket)
  w.shortstr(m.exchange)
  w.shortstr(m.routingKey)
  w.u8((m.mandatory ? 1 : 0) | (m.immediate ? 2 : 0))
}

function encodeBasicReturn(w: FrameWriter, m: T.BasicReturn): void {
  w.u16(m.replyCode)
  w.shortstr(m.replyText)
  w.shortstr(m.exchange)
  w.shortstr(m.routingKey)
}

function encodeBasicDeliver(w: FrameWriter, m: T.BasicDeliver): void {
  w.shortstr(m.consumerTag)
  w.u64(m.deliveryTag)
  w.u8((m.redelivered ? 1 : 0))
  w.shortstr(m.exchange)
  w.shortstr(m.routingKey)
}

function encodeBasicGet(w: FrameWriter, m: T.BasicGet): void {
  w.u16(m.ticket)
  w.shortstr(m.queue)
  w.u8((m.noAck ? 1 : 0))
}

function encodeBasicGetOk(w: FrameWriter, m: T.BasicGetOk): void {
  w.u64(m.deliveryTag)
  w.u8((m.redelivered ? 1 : 0))
  w.shortstr(m.exchange)
  w.shortstr(m.routingKey)
  w.u32(m.messageCount)
}

function encodeBasicGetEmpty(w: FrameWriter, m: T.BasicGetEmpty): void {
  w.shortstr(m.clusterId)
}

function encodeBasicAck(w: FrameWriter, m: T.BasicAck): void {
  w.u64(m.deliveryTag)
  w.u8((m.multiple ? 1 : 0))
}

function encodeBasicReject(w: FrameWriter, m: T.BasicReject): void {
  w.u64(m.deliveryTag)
  w.u8((m.requeue ? 1 : 0))
}

function encodeBasicRecoverAsync(w: FrameWriter, m: T.BasicRecoverAsync): void {
  w.u8((m.requeue ? 1 : 0))
}

function encodeBasicRecover(w: FrameWriter, m: T.BasicRecover): void {
  w.u8((m.requeue ? 1 : 0))
}

function encodeBasicRecoverOk(_w: FrameWriter, _m: T.BasicRecoverOk): void {

}

function encodeBasicNack(w: FrameWriter, m: T.BasicNack): void {
  w.u64(m.deliveryTag)
  w.u8((m.multiple ? 1 : 0) | (m.requeue ? 2 : 0))
}

function encodeConfirmSelect(w: FrameWriter, m: T.ConfirmSelect): void {
  w.u8((m.nowait ? 1 : 0))
}

function encodeConfirmSelectOk(_w: FrameWriter, _m: T.ConfirmSelectOk): void {

}

function encodeTxSelect(_w: FrameWriter, _m: T.TxSelect): void {

}

function encodeTxSelectOk(_w: FrameWriter, _m: T.TxSelectOk): void {

}

function encodeTxCommit(_w: FrameWriter, _m: T.TxCommit): void {

}

function encodeTxCommitOk(_w: FrameWriter, _m: T.TxCommitOk): void {

}

function encodeTxRollback(_w: FrameWriter, _m: T.TxRollback): void {

}

function encodeTxRollbackOk(_w: FrameWriter, _m: T.TxRollbackOk): void {

}

/** Writes the arguments of a method, without the ids and the frame around them. */
export function encodeArguments(w: FrameWriter, m: T.AnyMethod): void {
  switch (m.id) {
    case 0x000a000a:
      return encodeConnectionStart(w, m)
    case 0x000a000b:
      return encodeConnectionStartOk(w, m)
    case 0x000a0014:
      return encodeConnectionSecure(w, m)
    case 0x000a0015:
      return encodeConnectionSecureOk(w, m)
    case 0x000a001e:
      return encodeConnectionTune(w, m)
    case 0x000a001f:
      return encodeConnectionTuneOk(w, m)
    case 0x000a0028:
      return encodeConnectionOpen(w, m)
    case 0x000a0029:
      return encodeConnectionOpenOk(w, m)
    case 0x000a0032:
      return encodeConnectionClose(w, m)
    case 0x000a0033:
      return encodeConnectionCloseOk(w, m)
    case 0x000a003c:
      return encodeConnectionBlocked(w, m)
    case 0x000a003d:
      return encodeConnectionUnblocked(w, m)
    case 0x000a0046:
      return encodeConnectionUpdateSecret(w, m)
    case 0x000a0047:
      return encodeConnectionUpdateSecretOk(w, m)
    case 0x0014000a:
      return encodeChannelOpen(w, m)
    case 0x0014000b:
      return encodeChannelOpenOk(w, m)
    case 0x00140014:
      return encodeChannelFlow(w, m)
    case 0x00140015:
      return encodeChannelFlowOk(w, m)
    case 0x00140028:
      return encodeChannelClose(w, m)
    case 0x00140029:
      return encodeChannelCloseOk(w, m)
    case 0x001e000a:
      return encodeAccessRequest(w, m)
    case 0x001e000b:
      return encodeAccessRequestOk(w, m)
    case 0x0028000a:
      return encodeExchangeDeclare(w, m)
    case 0x0028000b:
      return encodeExchangeDeclareOk(w, m)
    case 0x00280014:
      return encodeExchangeDelete(w, m)
    case 0x00280015:
      return encodeExchangeDeleteOk(w, m)
    case 0x0028001e:
      return encodeExchangeBind(w, m)
    case 0x0028001f:
      return encodeExchangeBindOk(w, m)
    case 0x00280028:
      return encodeExchangeUnbind(w, m)
    case 0x00280033:
      return encodeExchangeUnbindOk(w, m)
    case 0x0032000a:
      return encodeQueueDeclare(w, m)
    case 0x0032000b:
      return encodeQueueDeclareOk(w, m)
    case 0x00320014:
      return encodeQueueBind(w, m)
    case 0x00320015:
      return encodeQueueBindOk(w, m)
    case 0x0032001e:
      return encodeQueuePurge(w, m)
    case 0x0032001f:
      return encodeQueuePurgeOk(w, m)
    case 0x00320028:
      return encodeQueueDelete(w, m)
    case 0x00320029:
      return encodeQueueDeleteOk(w, m)
    case 0x00320032:
      return encodeQueueUnbind(w, m)
    case 0x00320033:
      return encodeQueueUnbindOk(w, m)
    case 0x003c000a:
      return encodeBasicQos(w, m)
    case 0x003c000b:
      return encodeBasicQosOk(w, m)
    case 0x003c0014:
      return encodeBasicConsume(w, m)
    case 0x003c0015:
      return encodeBasicConsumeOk(w, m)
    case 0x003c001e:
      return encodeBasicCancel(w, m)
    case 0x003c001f:
      return encodeBasicCancelOk(w, m)
    case 0x003c0028:
      return encodeBasicPublish(w, m)
    case 0x003c0032:
      return encodeBasicReturn(w, m)
    case 0x003c003c:
      return encodeBasicDeliver(w, m)
    case 0x003c0046:
      return encodeBasicGet(w, m)
    case 0x003c0047:
      return encodeBasicGetOk(w, m)
    case 0x003c0048:
      return encodeBasicGetEmpty(w, m)
    case 0x003c0050:
      return encodeBasicAck(w, m)
    case 0x003c005a:
      return encodeBasicReject(w, m)
    case 0x003c0064:
      return encodeBasicRecoverAsync(w, m)
    case 0x003c006e:
      return encodeBasicRecover(w, m)
    case 0x003c006f:
      return encodeBasicRecoverOk(w, m)
    case 0x003c0078:
      return encodeBasicNack(w, m)
    case 0x0055000a:
      return encodeConfirmSelect(w, m)
    case 0x0055000b:
      return encodeConfirmSelectOk(w, m)
    case 0x005a000a:
      return encodeTxSelect(w, m)
    case 0x005a000b:
      return encodeTxSelectOk(w, m)
    case 0x005a0014:
      return encodeTxCommit(w, m)
    case 0x005a0015:
      return encodeTxCommitOk(w, m)
    case 0x005a001e:
      return encodeTxRollback(w, m)
    case 0x005a001f:
      return encodeTxRollbackOk(w, m)
    default: {
      const never: never = m
      throw new TypeError(`no encoder for ${JSON.stringify(never)}`)
    }
  }
}
