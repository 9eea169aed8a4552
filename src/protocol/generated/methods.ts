// DO NOT EDIT: written by spec/generate.ts from spec/amqp-0-9-1.json.

import type { FieldTable } from '../field-table.ts'

/** connection.start, sent by the server */
export interface ConnectionStart {
  readonly id: 0x000a000a
  readonly versionMajor: number
  readonly versionMinor: number
  readonly serverProperties: FieldTable
  readonly mechanisms: Buffer
  readonly locales: Buffer
}
/** connection.start-ok, sent by the client */
export interface ConnectionStartOk {
  readonly id: 0x000a000b
  readonly clientProperties: FieldTable
  readonly mechanism: string
  readonly response: Buffer
  readonly locale: string
}
/** connection.secure, sent by the server */
export interface ConnectionSecure {
  readonly id: 0x000a0014
  readonly challenge: Buffer
}
/** connection.secure-ok, sent by the client */
export interface ConnectionSecureOk {
  readonly id: 0x000a0015
  readonly response: Buffer
}
/** connection.tune, sent by the server */
export interface ConnectionTune {
  readonly id: 0x000a001e
  readonly channelMax: number
  readonly frameMax: number
  readonly heartbeat: number
}
/** connection.tune-ok, sent by the client */
export interface ConnectionTuneOk {
  readonly id: 0x000a001f
  readonly channelMax: number
  readonly frameMax: number
  readonly heartbeat: number
}
/** connection.open, sent by the client */
export interface ConnectionOpen {
  readonly id: 0x000a0028
  readonly virtualHost: string
  readonly capabilities: string
  readonly insist: boolean
}
/** connection.open-ok, sent by the server */
export interface ConnectionOpenOk {
  readonly id: 0x000a0029
  readonly knownHosts: string
}
/** connection.close, sent by either side */
export interface ConnectionClose {
  readonly id: 0x000a0032
  readonly replyCode: number
  readonly replyText: string
  readonly classId: number
  readonly methodId: number
}
/** connection.close-ok, sent by either side */
export interface ConnectionCloseOk {
  readonly id: 0x000a0033
}
/** connection.blocked, sent by the server */
export interface ConnectionBlocked {
  readonly id: 0x000a003c
  readonly reason: string
}
/** connection.unblocked, sent by the server */
export interface ConnectionUnblocked {
  readonly id: 0x000a003d
}
/** connection.update-secret, sent by the client */
export interface ConnectionUpdateSecret {
  readonly id: 0x000a0046
  readonly newSecret: Buffer
  readonly reason: string
}
/** connection.update-secret-ok, sent by the server */
export interface ConnectionUpdateSecretOk {
  readonly id: 0x000a0047
}
/** channel.open, sent by the client */
export interface ChannelOpen {
  readonly id: 0x0014000a
  readonly outOfBand: string
}
/** channel.open-ok, sent by the server */
export interface ChannelOpenOk {
  readonly id: 0x0014000b
  readonly channelId: Buffer
}
/** channel.flow, sent by either side */
export interface ChannelFlow {
  readonly id: 0x00140014
  readonly active: boolean
}
/** channel.flow-ok, sent by either side */
export interface ChannelFlowOk {
  readonly id: 0x00140015
  readonly active: boolean
}
/** channel.close, sent by either side */
export interface ChannelClose {
  readonly id: 0x00140028
  readonly replyCode: number
  readonly replyText: string
  readonly classId: number
  readonly methodId: number
}
/** channel.close-ok, sent by either side */
export interface ChannelCloseOk {
  readonly id: 0x00140029
}
/** access.request, sent by the client */
export interface AccessRequest {
  readonly id: 0x001e000a
  readonly realm: string
  readonly exclusive: boolean
  readonly passive: boolean
  readonly active: boolean
  readonly write: boolean
  readonly read: boolean
}
/** access.request-ok, sent by the server */
export interface AccessRequestOk {
  readonly id: 0x001e000b
  readonly ticket: number
}
/** exchange.declare, sent by the client */
export interface ExchangeDeclare {
  readonly id: 0x0028000a
  readonly ticket: number
  readonly exchange: string
  readonly type: string
  readonly passive: boolean
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly nowait: boolean
  readonly arguments: FieldTable
}
/** exchange.declare-ok, sent by the server */
export interface ExchangeDeclareOk {
  readonly id: 0x0028000b
}
/** exchange.delete, sent by the client */
export interface ExchangeDelete {
  readonly id: 0x00280014
  readonly ticket: number
  readonly exchange: string
  readonly ifUnused: boolean
  readonly nowait: boolean
}
/** exchange.delete-ok, sent by the server */
export interface ExchangeDeleteOk {
  readonly id: 0x00280015
}
/** exchange.bind, sent by the client */
export interface ExchangeBind {
  readonly id: 0x0028001e
  readonly ticket: number
  readonly destination: string
  readonly source: string
  readonly routingKey: string
  readonly nowait: boolean
  readonly arguments: FieldTable
}
/** exchange.bind-ok, sent by the server */
export interface ExchangeBindOk {
  readonly id: 0x0028001f
}
/** exchange.unbind, sent by the client */
export interface ExchangeUnbind {
  readonly id: 0x00280028
  readonly ticket: number
  readonly destination: string
  readonly source: string
  readonly routingKey: string
  readonly nowait: boolean
  readonly arguments: FieldTable
}
/** exchange.unbind-ok, sent by the server */
export interface ExchangeUnbindOk {
  readonly id: 0x00280033
}
/** queue.declare, sent by the client */
export interface QueueDeclare {
  readonly id: 0x0032000a
  readonly ticket: number
  readonly queue: string
  readonly passive: boolean
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly nowait: boolean
  readonly arguments: FieldTable
}
/** queue.declare-ok, sent by the server */
export interface QueueDeclareOk {
  readonly id: 0x0032000b
  readonly queue: string
  readonly messageCount: number
  readonly consumerCount: number
}
/** queue.bind, sent by the client */
export interface QueueBind {
  readonly id: 0x00320014
  readonly ticket: number
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly nowait: boolean
  readonly arguments: FieldTable
}
/** queue.bind-ok, sent by the server */
export interface QueueBindOk {
  readonly id: 0x00320015
}
/** queue.purge, sent by the client */
export interface QueuePurge {
  readonly id: 0x0032001e
  readonly ticket: number
  readonly queue: string
  readonly nowait: boolean
}
/** queue.purge-ok, sent by the server */
export interface QueuePurgeOk {
  readonly id: 0x0032001f
  readonly messageCount: number
}
/** queue.delete, sent by the client */
export interface QueueDelete {
  readonly id: 0x00320028
  readonly ticket: number
  readonly queue: string
  readonly ifUnused: boolean
  readonly ifEmpty: boolean
  readonly nowait: boolean
}
/** queue.delete-ok, sent by the server */
export interface QueueDeleteOk {
  readonly id: 0x00320029
  readonly messageCount: number
}
/** queue.unbind, sent by the client */
export interface QueueUnbind {
  readonly id: 0x00320032
  readonly ticket: number
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly arguments: FieldTable
}
/** queue.unbind-ok, sent by the server */
export interface QueueUnbindOk {
  readonly id: 0x00320033
}
/** basic.qos, sent by the client */
export interface BasicQos {
  readonly id: 0x003c000a
  readonly prefetchSize: number
  readonly prefetchCount: number
  readonly global: boolean
}
/** basic.qos-ok, sent by the server */
export interface BasicQosOk {
  readonly id: 0x003c000b
}
/** basic.consume, sent by the client */
export interface BasicConsume {
  readonly id: 0x003c0014
  readonly ticket: number
  readonly queue: string
  readonly consumerTag: string
  readonly noLocal: boolean
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly nowait: boolean
  readonly arguments: FieldTable
}
/** basic.consume-ok, sent by the server */
export interface BasicConsumeOk {
  readonly id: 0x003c0015
  readonly consumerTag: string
}
/** basic.cancel, sent by either side */
export interface BasicCancel {
  readonly id: 0x003c001e
  readonly consumerTag: string
  readonly nowait: boolean
}
/** basic.cancel-ok, sent by either side */
export interface BasicCancelOk {
  readonly id: 0x003c001f
  readonly consumerTag: string
}
/** basic.publish, sent by the client */
export interface BasicPublish {
  readonly id: 0x003c0028
  readonly ticket: number
  readonly exchange: string
  readonly routingKey: string
  readonly mandatory: boolean
  readonly immediate: boolean
}
/** basic.return, sent by the server */
export interface BasicReturn {
  readonly id: 0x003c0032
  readonly replyCode: number
  readonly replyText: string
  readonly exchange: string
  readonly routingKey: string
}
/** basic.deliver, sent by the server */
export interface BasicDeliver {
  readonly id: 0x003c003c
  readonly consumerTag: string
  readonly deliveryTag: number
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
}
/** basic.get, sent by the client */
export interface BasicGet {
  readonly id: 0x003c0046
  readonly ticket: number
  readonly queue: string
  readonly noAck: boolean
}
/** basic.get-ok, sent by the server */
export interface BasicGetOk {
  readonly id: 0x003c0047
  readonly deliveryTag: number
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
  readonly messageCount: number
}
/** basic.get-empty, sent by the server */
export interface BasicGetEmpty {
  readonly id: 0x003c0048
  readonly clusterId: string
}
/** basic.ack, sent by either side */
export interface BasicAck {
  readonly id: 0x003c0050
  readonly deliveryTag: number
  readonly multiple: boolean
}
/** basic.reject, sent by the client */
export interface BasicReject {
  readonly id: 0x003c005a
  readonly deliveryTag: number
  readonly requeue: boolean
}
/** basic.recover-async, sent by the client */
export interface BasicRecoverAsync {
  readonly id: 0x003c0064
  readonly requeue: boolean
}
/** basic.recover, sent by the client */
export interface BasicRecover {
  readonly id: 0x003c006e
  readonly requeue: boolean
}
/** basic.recover-ok, sent by the server */
export interface BasicRecoverOk {
  readonly id: 0x003c006f
}
/** basic.nack, sent by either side */
export interface BasicNack {
  readonly id: 0x003c0078
  readonly deliveryTag: number
  readonly multiple: boolean
  readonly requeue: boolean
}
/** confirm.select, sent by the client */
export interface ConfirmSelect {
  readonly id: 0x0055000a
  readonly nowait: boolean
}
/** confirm.select-ok, sent by the server */
export interface ConfirmSelectOk {
  readonly id: 0x0055000b
}
/** tx.select, sent by the client */
export interface TxSelect {
  readonly id: 0x005a000a
}
/** tx.select-ok, sent by the server */
export interface TxSelectOk {
  readonly id: 0x005a000b
}
/** tx.commit, sent by the client */
export interface TxCommit {
  readonly id: 0x005a0014
}
/** tx.commit-ok, sent by the server */
export interface TxCommitOk {
  readonly id: 0x005a0015
}
/** tx.rollback, sent by the client */
export interface TxRollback {
  readonly id: 0x005a001e
}
/** tx.rollback-ok, sent by the server */
export interface TxRollbackOk {
  readonly id: 0x005a001f
}

export type ClientMethod =
  | ConnectionStartOk
  | ConnectionSecureOk
  | ConnectionTuneOk
  | ConnectionOpen
  | ConnectionClose
  | ConnectionCloseOk
  | ConnectionUpdateSecret
  | ChannelOpen
  | ChannelFlow
  | ChannelFlowOk
  | ChannelClose
  | ChannelCloseOk
  | AccessRequest
  | ExchangeDeclare
  | ExchangeDelete
  | ExchangeBind
  | ExchangeUnbind
  | QueueDeclare
  | QueueBind
  | QueuePurge
  | QueueDelete
  | QueueUnbind
  | BasicQos
  | BasicConsume
  | BasicCancel
  | BasicCancelOk
  | BasicPublish
  | BasicGet
  | BasicAck
  | BasicReject
  | BasicRecoverAsync
  | BasicRecover
  | BasicNack
  | ConfirmSelect
  | TxSelect
  | TxCommit
  | TxRollback

export type ServerMethod =
  | ConnectionStart
  | ConnectionSecure
  | ConnectionTune
  | ConnectionOpenOk
  | ConnectionClose
  | ConnectionCloseOk
  | ConnectionBlocked
  | ConnectionUnblocked
  | ConnectionUpdateSecretOk
  | ChannelOpenOk
  | ChannelFlow
  | ChannelFlowOk
  | ChannelClose
  | ChannelCloseOk
  | AccessRequestOk
  | ExchangeDeclareOk
  | ExchangeDeleteOk
  | ExchangeBindOk
  | ExchangeUnbindOk
  | QueueDeclareOk
  | QueueBindOk
  | QueuePurgeOk
  | QueueDeleteOk
  | QueueUnbindOk
  | BasicQosOk
  | BasicConsumeOk
  | BasicCancel
  | BasicCancelOk
  | BasicReturn
  | BasicDeliver
  | BasicGetOk
  | BasicGetEmpty
  | BasicAck
  | BasicRecoverOk
  | BasicNack
  | ConfirmSelectOk
  | TxSelectOk
  | TxCommitOk
  | TxRollbackOk

export type AnyMethod = ClientMethod | ServerMethod
export type ClientMethodId = ClientMethod['id']
