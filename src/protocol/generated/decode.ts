// DO NOT EDIT: written by spec/generate.ts from spec/amqp-0-9-1.json.

import { octetText } from '../../util/octet-text.ts'
import { anyText, ended, need, octets, parser, table, text } from '../decode-support.ts'
import type * as T from './methods.ts'

const parseConnectionStart = parser<{ versionMajor: number; versionMinor: number; serverPropertiesLength: number; serverProperties: Buffer; mechanismsLength: number; mechanisms: Buffer; localesLength: number; locales: Buffer }>((p) =>
  p.uint8('versionMajor').uint8('versionMinor').uint32be('serverPropertiesLength').buffer('serverProperties', { length: 'serverPropertiesLength' }).uint32be('mechanismsLength').buffer('mechanisms', { length: 'mechanismsLength' }).uint32be('localesLength').buffer('locales', { length: 'localesLength' }),
)
function decodeConnectionStart(args: Buffer): T.ConnectionStart {
  const r = parseConnectionStart(args)
  ended(args, 14 + r.serverPropertiesLength + r.mechanismsLength + r.localesLength)
  return {
    id: 0x000a000a,
    versionMajor: r.versionMajor,
    versionMinor: r.versionMinor,
    serverProperties: table(r.serverProperties, r.serverPropertiesLength),
    mechanisms: octets(r.mechanisms, r.mechanismsLength),
    locales: octets(r.locales, r.localesLength),
  }
}

const parseConnectionStartOk = parser<{ clientPropertiesLength: number; clientProperties: Buffer; mechanismLength: number; mechanism: Buffer; responseLength: number; response: Buffer; localeLength: number; locale: Buffer }>((p) =>
  p.uint32be('clientPropertiesLength').buffer('clientProperties', { length: 'clientPropertiesLength' }).uint8('mechanismLength').buffer('mechanism', { length: 'mechanismLength' }).uint32be('responseLength').buffer('response', { length: 'responseLength' }).uint8('localeLength').buffer('locale', { length: 'localeLength' }),
)
function decodeConnectionStartOk(args: Buffer): T.ConnectionStartOk {
  const r = parseConnectionStartOk(args)
  ended(args, 10 + r.clientPropertiesLength + r.mechanismLength + r.responseLength + r.localeLength)
  return {
    id: 0x000a000b,
    clientProperties: table(r.clientProperties, r.clientPropertiesLength),
    mechanism: text(r.mechanism, r.mechanismLength),
    response: octets(r.response, r.responseLength),
    locale: text(r.locale, r.localeLength),
  }
}

const parseConnectionSecure = parser<{ challengeLength: number; challenge: Buffer }>((p) =>
  p.uint32be('challengeLength').buffer('challenge', { length: 'challengeLength' }),
)
function decodeConnectionSecure(args: Buffer): T.ConnectionSecure {
  const r = parseConnectionSecure(args)
  ended(args, 4 + r.challengeLength)
  return {
    id: 0x000a0014,
    challenge: octets(r.challenge, r.challengeLength),
  }
}

const parseConnectionSecureOk = parser<{ responseLength: number; response: Buffer }>((p) =>
  p.uint32be('responseLength').buffer('response', { length: 'responseLength' }),
)
function decodeConnectionSecureOk(args: Buffer): T.ConnectionSecureOk {
  const r = parseConnectionSecureOk(args)
  ended(args, 4 + r.responseLength)
  return {
    id: 0x000a0015,
    response: octets(r.response, r.responseLength),
  }
}

const parseConnectionTune = parser<{ channelMax: number; frameMax: number; heartbeat: number }>((p) =>
  p.uint16be('channelMax').uint32be('frameMax').uint16be('heartbeat'),
)
function decodeConnectionTune(args: Buffer): T.ConnectionTune {
  const r = parseConnectionTune(args)
  ended(args, 8)
  return {
    id: 0x000a001e,
    channelMax: r.channelMax,
    frameMax: r.frameMax,
    heartbeat: r.heartbeat,
  }
}

const parseConnectionTuneOk = parser<{ channelMax: number; frameMax: number; heartbeat: number }>((p) =>
  p.uint16be('channelMax').uint32be('frameMax').uint16be('heartbeat'),
)
function decodeConnectionTuneOk(args: Buffer): T.ConnectionTuneOk {
  const r = parseConnectionTuneOk(args)
  ended(args, 8)
  return {
    id: 0x000a001f,
    channelMax: r.channelMax,
    frameMax: r.frameMax,
    heartbeat: r.heartbeat,
  }
}

const parseConnectionOpen = parser<{ virtualHostLength: number; virtualHost: Buffer; capabilitiesLength: number; capabilities: Buffer; bits0: number }>((p) =>
  p.uint8('virtualHostLength').buffer('virtualHost', { length: 'virtualHostLength' }).uint8('capabilitiesLength').buffer('capabilities', { length: 'capabilitiesLength' }).uint8('bits0'),
)
function decodeConnectionOpen(args: Buffer): T.ConnectionOpen {
  const r = parseConnectionOpen(args)
  ended(args, 3 + r.virtualHostLength + r.capabilitiesLength)
  return {
    id: 0x000a0028,
    virtualHost: text(r.virtualHost, r.virtualHostLength),
    capabilities: text(r.capabilities, r.capabilitiesLength),
    insist: (r.bits0 & 1) !== 0,
  }
}

const parseConnectionOpenOk = parser<{ knownHostsLength: number; knownHosts: Buffer }>((p) =>
  p.uint8('knownHostsLength').buffer('knownHosts', { length: 'knownHostsLength' }),
)
function decodeConnectionOpenOk(args: Buffer): T.ConnectionOpenOk {
  const r = parseConnectionOpenOk(args)
  ended(args, 1 + r.knownHostsLength)
  return {
    id: 0x000a0029,
    knownHosts: text(r.knownHosts, r.knownHostsLength),
  }
}

const parseConnectionClose = parser<{ replyCode: number; replyTextLength: number; replyText: Buffer; classId: number; methodId: number }>((p) =>
  p.uint16be('replyCode').uint8('replyTextLength').buffer('replyText', { length: 'replyTextLength' }).uint16be('classId').uint16be('methodId'),
)
function decodeConnectionClose(args: Buffer): T.ConnectionClose {
  const r = parseConnectionClose(args)
  ended(args, 7 + r.replyTextLength)
  return {
    id: 0x000a0032,
    replyCode: r.replyCode,
    replyText: text(r.replyText, r.replyTextLength),
    classId: r.classId,
    methodId: r.methodId,
  }
}

function decodeConnectionCloseOk(args: Buffer): T.ConnectionCloseOk {
  ended(args, 0)
  return { id: 0x000a0033 }
}

const parseConnectionBlocked = parser<{ reasonLength: number; reason: Buffer }>((p) =>
  p.uint8('reasonLength').buffer('reason', { length: 'reasonLength' }),
)
function decodeConnectionBlocked(args: Buffer): T.ConnectionBlocked {
  const r = parseConnectionBlocked(args)
  ended(args, 1 + r.reasonLength)
  return {
    id: 0x000a003c,
    reason: text(r.reason, r.reasonLength),
  }
}

function decodeConnectionUnblocked(args: Buffer): T.ConnectionUnblocked {
  ended(args, 0)
  return { id: 0x000a003d }
}

const parseConnectionUpdateSecret = parser<{ newSecretLength: number; newSecret: Buffer; reasonLength: number; reason: Buffer }>((p) =>
  p.uint32be('newSecretLength').buffer('newSecret', { length: 'newSecretLength' }).uint8('reasonLength').buffer('reason', { length: 'reasonLength' }),
)
function decodeConnectionUpdateSecret(args: Buffer): T.ConnectionUpdateSecret {
  const r = parseConnectionUpdateSecret(args)
  ended(args, 5 + r.newSecretLength + r.reasonLength)
  return {
    id: 0x000a0046,
    newSecret: octets(r.newSecret, r.newSecretLength),
    reason: text(r.reason, r.reasonLength),
  }
}

function decodeConnectionUpdateSecretOk(args: Buffer): T.ConnectionUpdateSecretOk {
  ended(args, 0)
  return { id: 0x000a0047 }
}

const parseChannelOpen = parser<{ outOfBandLength: number; outOfBand: Buffer }>((p) =>
  p.uint8('outOfBandLength').buffer('outOfBand', { length: 'outOfBandLength' }),
)
function decodeChannelOpen(args: Buffer): T.ChannelOpen {
  const r = parseChannelOpen(args)
  ended(args, 1 + r.outOfBandLength)
  return {
    id: 0x0014000a,
    outOfBand: text(r.outOfBand, r.outOfBandLength),
  }
}

const parseChannelOpenOk = parser<{ channelIdLength: number; channelId: Buffer }>((p) =>
  p.uint32be('channelIdLength').buffer('channelId', { length: 'channelIdLength' }),
)
function decodeChannelOpenOk(args: Buffer): T.ChannelOpenOk {
  const r = parseChannelOpenOk(args)
  ended(args, 4 + r.channelIdLength)
  return {
    id: 0x0014000b,
    channelId: octets(r.channelId, r.channelIdLength),
  }
}

const parseChannelFlow = parser<{ bits0: number }>((p) =>
  p.uint8('bits0'),
)
function decodeChannelFlow(args: Buffer): T.ChannelFlow {
  const r = parseChannelFlow(args)
  ended(args, 1)
  return {
    id: 0x00140014,
    active: (r.bits0 & 1) !== 0,
  }
}

const parseChannelFlowOk = parser<{ bits0: number }>((p) =>
  p.uint8('bits0'),
)
function decodeChannelFlowOk(args: Buffer): T.ChannelFlowOk {
  const r = parseChannelFlowOk(args)
  ended(args, 1)
  return {
    id: 0x00140015,
    active: (r.bits0 & 1) !== 0,
  }
}

const parseChannelClose = parser<{ replyCode: number; replyTextLength: number; replyText: Buffer; classId: number; methodId: number }>((p) =>
  p.uint16be('replyCode').uint8('replyTextLength').buffer('replyText', { length: 'replyTextLength' }).uint16be('classId').uint16be('methodId'),
)
function decodeChannelClose(args: Buffer): T.ChannelClose {
  const r = parseChannelClose(args)
  ended(args, 7 + r.replyTextLength)
  return {
    id: 0x00140028,
    replyCode: r.replyCode,
    replyText: text(r.replyText, r.replyTextLength),
    classId: r.classId,
    methodId: r.methodId,
  }
}

function decodeChannelCloseOk(args: Buffer): T.ChannelCloseOk {
  ended(args, 0)
  return { id: 0x00140029 }
}

const parseAccessRequest = parser<{ realmLength: number; realm: Buffer; bits0: number }>((p) =>
  p.uint8('realmLength').buffer('realm', { length: 'realmLength' }).uint8('bits0'),
)
function decodeAccessRequest(args: Buffer): T.AccessRequest {
  const r = parseAccessRequest(args)
  ended(args, 2 + r.realmLength)
  return {
    id: 0x001e000a,
    realm: text(r.realm, r.realmLength),
    exclusive: (r.bits0 & 1) !== 0,
    passive: (r.bits0 & 2) !== 0,
    active: (r.bits0 & 4) !== 0,
    write: (r.bits0 & 8) !== 0,
    read: (r.bits0 & 16) !== 0,
  }
}

const parseAccessRequestOk = parser<{ ticket: number }>((p) =>
  p.uint16be('ticket'),
)
function decodeAccessRequestOk(args: Buffer): T.AccessRequestOk {
  const r = parseAccessRequestOk(args)
  ended(args, 2)
  return {
    id: 0x001e000b,
    ticket: r.ticket,
  }
}

const parseExchangeDeclare = parser<{ ticket: number; exchangeLength: number; exchange: Buffer; typeLength: number; type: Buffer; bits0: number; argumentsLength: number; arguments: Buffer }>((p) =>
  p.uint16be('ticket').uint8('exchangeLength').buffer('exchange', { length: 'exchangeLength' }).uint8('typeLength').buffer('type', { length: 'typeLength' }).uint8('bits0').uint32be('argumentsLength').buffer('arguments', { length: 'argumentsLength' }),
)
function decodeExchangeDeclare(args: Buffer): T.ExchangeDeclare {
  const r = parseExchangeDeclare(args)
  ended(args, 9 + r.exchangeLength + r.typeLength + r.argumentsLength)
  return {
    id: 0x0028000a,
    ticket: r.ticket,
    exchange: text(r.exchange, r.exchangeLength),
    type: text(r.type, r.typeLength),
    passive: (r.bits0 & 1) !== 0,
    durable: (r.bits0 & 2) !== 0,
    autoDelete: (r.bits0 & 4) !== 0,
    internal: (r.bits0 & 8) !== 0,
    nowait: (r.bits0 & 16) !== 0,
    arguments: table(r.arguments, r.argumentsLength),
  }
}

function decodeExchangeDeclareOk(args: Buffer): T.ExchangeDeclareOk {
  ended(args, 0)
  return { id: 0x0028000b }
}

const parseExchangeDelete = parser<{ ticket: number; exchangeLength: number; exchange: Buffer; bits0: number }>((p) =>
  p.uint16be('ticket').uint8('exchangeLength').buffer('exchange', { length: 'exchangeLength' }).uint8('bits0'),
)
function decodeExchangeDelete(args: Buffer): T.ExchangeDelete {
  const r = parseExchangeDelete(args)
  ended(args, 4 + r.exchangeLength)
  return {
    id: 0x00280014,
    ticket: r.ticket,
    exchange: text(r.exchange, r.exchangeLength),
    ifUnused: (r.bits0 & 1) !== 0,
    nowait: (r.bits0 & 2) !== 0,
  }
}

function decodeExchangeDeleteOk(args: Buffer): T.ExchangeDeleteOk {
  ended(args, 0)
  return { id: 0x00280015 }
}

const parseExchangeBind = parser<{ ticket: number; destinationLength: number; destination: Buffer; sourceLength: number; source: Buffer; routingKeyLength: number; routingKey: Buffer; bits0: number; argumentsLength: number; arguments: Buffer }>((p) =>
  p.uint16be('ticket').uint8('destinationLength').buffer('destination', { length: 'destinationLength' }).uint8('sourceLength').buffer('source', { length: 'sourceLength' }).uint8('routingKeyLength').buffer('routingKey', { length: 'routingKeyLength' }).uint8('bits0').uint32be('argumentsLength').buffer('arguments', { length: 'argumentsLength' }),
)
function decodeExchangeBind(args: Buffer): T.ExchangeBind {
  const r = parseExchangeBind(args)
  ended(args, 10 + r.destinationLength + r.sourceLength + r.routingKeyLength + r.argumentsLength)
  return {
    id: 0x0028001e,
    ticket: r.ticket,
    destination: text(r.destination, r.destinationLength),
    source: text(r.source, r.sourceLength),
    routingKey: text(r.routingKey, r.routingKeyLength),
    nowait: (r.bits0 & 1) !== 0,
    arguments: table(r.arguments, r.argumentsLength),
  }
}

function decodeExchangeBindOk(args: Buffer): T.ExchangeBindOk {
  ended(args, 0)
  return { id: 0x0028001f }
}

const parseExchangeUnbind = parser<{ ticket: number; destinationLength: number; destination: Buffer; sourceLength: number; source: Buffer; routingKeyLength: number; routingKey: Buffer; bits0: number; argumentsLength: number; arguments: Buffer }>((p) =>
  p.uint16be('ticket').uint8('destinationLength').buffer('destination', { length: 'destinationLength' }).uint8('sourceLength').buffer('source', { length: 'sourceLength' }).uint8('routingKeyLength').buffer('routingKey', { length: 'routingKeyLength' }).uint8('bits0').uint32be('argumentsLength').buffer('arguments', { length: 'argumentsLength' }),
)
function decodeExchangeUnbind(args: Buffer): T.ExchangeUnbind {
  const r = parseExchangeUnbind(args)
  ended(args, 10 + r.destinationLength + r.sourceLength + r.routingKeyLength + r.argumentsLength)
  return {
    id: 0x00280028,
    ticket: r.ticket,
    destination: text(r.destination, r.destinationLength),
    source: text(r.source, r.sourceLength),
    routingKey: text(r.routingKey, r.routingKeyLength),
    nowait: (r.bits0 & 1) !== 0,
    arguments: table(r.arguments, r.argumentsLength),
  }
}

function decodeExchangeUnbindOk(args: Buffer): T.ExchangeUnbindOk {
  ended(args, 0)
  return { id: 0x00280033 }
}

const parseQueueDeclare = parser<{ ticket: number; queueLength: number; queue: Buffer; bits0: number; argumentsLength: number; arguments: Buffer }>((p) =>
  p.uint16be('ticket').uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint8('bits0').uint32be('argumentsLength').buffer('arguments', { length: 'argumentsLength' }),
)
function decodeQueueDeclare(args: Buffer): T.QueueDeclare {
  const r = parseQueueDeclare(args)
  ended(args, 8 + r.queueLength + r.argumentsLength)
  return {
    id: 0x0032000a,
    ticket: r.ticket,
    queue: text(r.queue, r.queueLength),
    passive: (r.bits0 & 1) !== 0,
    durable: (r.bits0 & 2) !== 0,
    exclusive: (r.bits0 & 4) !== 0,
    autoDelete: (r.bits0 & 8) !== 0,
    nowait: (r.bits0 & 16) !== 0,
    arguments: table(r.arguments, r.argumentsLength),
  }
}

const parseQueueDeclareOk = parser<{ queueLength: number; queue: Buffer; messageCount: number; consumerCount: number }>((p) =>
  p.uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint32be('messageCount').uint32be('consumerCount'),
)
function decodeQueueDeclareOk(args: Buffer): T.QueueDeclareOk {
  const r = parseQueueDeclareOk(args)
  ended(args, 9 + r.queueLength)
  return {
    id: 0x0032000b,
    queue: text(r.queue, r.queueLength),
    messageCount: r.messageCount,
    consumerCount: r.consumerCount,
  }
}

const parseQueueBind = parser<{ ticket: number; queueLength: number; queue: Buffer; exchangeLength: number; exchange: Buffer; routingKeyLength: number; routingKey: Buffer; bits0: number; argumentsLength: number; arguments: Buffer }>((p) =>
  p.uint16be('ticket').uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint8('exchangeLength').buffer('exchange', { length: 'exchangeLength' }).uint8('routingKeyLength').buffer('routingKey', { length: 'routingKeyLength' }).uint8('bits0').uint32be('argumentsLength').buffer('arguments', { length: 'argumentsLength' }),
)
function decodeQueueBind(args: Buffer): T.QueueBind {
  const r = parseQueueBind(args)
  ended(args, 10 + r.queueLength + r.exchangeLength + r.routingKeyLength + r.argumentsLength)
  return {
    id: 0x00320014,
    ticket: r.ticket,
    queue: text(r.queue, r.queueLength),
    exchange: text(r.exchange, r.exchangeLength),
    routingKey: text(r.routingKey, r.routingKeyLength),
    nowait: (r.bits0 & 1) !== 0,
    arguments: table(r.arguments, r.argumentsLength),
  }
}

function decodeQueueBindOk(args: Buffer): T.QueueBindOk {
  ended(args, 0)
  return { id: 0x00320015 }
}

const parseQueuePurge = parser<{ ticket: number; queueLength: number; queue: Buffer; bits0: number }>((p) =>
  p.uint16be('ticket').uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint8('bits0'),
)
function decodeQueuePurge(args: Buffer): T.QueuePurge {
  const r = parseQueuePurge(args)
  ended(args, 4 + r.queueLength)
  return {
    id: 0x0032001e,
    ticket: r.ticket,
    queue: text(r.queue, r.queueLength),
    nowait: (r.bits0 & 1) !== 0,
  }
}

const parseQueuePurgeOk = parser<{ messageCount: number }>((p) =>
  p.uint32be('messageCount'),
)
function decodeQueuePurgeOk(args: Buffer): T.QueuePurgeOk {
  const r = parseQueuePurgeOk(args)
  ended(args, 4)
  return {
    id: 0x0032001f,
    messageCount: r.messageCount,
  }
}

const parseQueueDelete = parser<{ ticket: number; queueLength: number; queue: Buffer; bits0: number }>((p) =>
  p.uint16be('ticket').uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint8('bits0'),
)
function decodeQueueDelete(args: Buffer): T.QueueDelete {
  const r = parseQueueDelete(args)
  ended(args, 4 + r.queueLength)
  return {
    id: 0x00320028,
    ticket: r.ticket,
    queue: text(r.queue, r.queueLength),
    ifUnused: (r.bits0 & 1) !== 0,
    ifEmpty: (r.bits0 & 2) !== 0,
    nowait: (r.bits0 & 4) !== 0,
  }
}

const parseQueueDeleteOk = parser<{ messageCount: number }>((p) =>
  p.uint32be('messageCount'),
)
function decodeQueueDeleteOk(args: Buffer): T.QueueDeleteOk {
  const r = parseQueueDeleteOk(args)
  ended(args, 4)
  return {
    id: 0x00320029,
    messageCount: r.messageCount,
  }
}

const parseQueueUnbind = parser<{ ticket: number; queueLength: number; queue: Buffer; exchangeLength: number; exchange: Buffer; routingKeyLength: number; routingKey: Buffer; argumentsLength: number; arguments: Buffer }>((p) =>
  p.uint16be('ticket').uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint8('exchangeLength').buffer('exchange', { length: 'exchangeLength' }).uint8('routingKeyLength').buffer('routingKey', { length: 'routingKeyLength' }).uint32be('argumentsLength').buffer('arguments', { length: 'argumentsLength' }),
)
function decodeQueueUnbind(args: Buffer): T.QueueUnbind {
  const r = parseQueueUnbind(args)
  ended(args, 9 + r.queueLength + r.exchangeLength + r.routingKeyLength + r.argumentsLength)
  return {
    id: 0x00320032,
    ticket: r.ticket,
    queue: text(r.queue, r.queueLength),
    exchange: text(r.exchange, r.exchangeLength),
    routingKey: text(r.routingKey, r.routingKeyLength),
    arguments: table(r.arguments, r.argumentsLength),
  }
}

function decodeQueueUnbindOk(args: Buffer): T.QueueUnbindOk {
  ended(args, 0)
  return { id: 0x00320033 }
}

const parseBasicQos = parser<{ prefetchSize: number; prefetchCount: number; bits0: number }>((p) =>
  p.uint32be('prefetchSize').uint16be('prefetchCount').uint8('bits0'),
)
function decodeBasicQos(args: Buffer): T.BasicQos {
  const r = parseBasicQos(args)
  ended(args, 7)
  return {
    id: 0x003c000a,
    prefetchSize: r.prefetchSize,
    prefetchCount: r.prefetchCount,
    global: (r.bits0 & 1) !== 0,
  }
}

function decodeBasicQosOk(args: Buffer): T.BasicQosOk {
  ended(args, 0)
  return { id: 0x003c000b }
}

const parseBasicConsume = parser<{ ticket: number; queueLength: number; queue: Buffer; consumerTagLength: number; consumerTag: Buffer; bits0: number; argumentsLength: number; arguments: Buffer }>((p) =>
  p.uint16be('ticket').uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint8('consumerTagLength').buffer('consumerTag', { length: 'consumerTagLength' }).uint8('bits0').uint32be('argumentsLength').buffer('arguments', { length: 'argumentsLength' }),
)
function decodeBasicConsume(args: Buffer): T.BasicConsume {
  const r = parseBasicConsume(args)
  ended(args, 9 + r.queueLength + r.consumerTagLength + r.argumentsLength)
  return {
    id: 0x003c0014,
    ticket: r.ticket,
    queue: text(r.queue, r.queueLength),
    consumerTag: text(r.consumerTag, r.consumerTagLength),
    noLocal: (r.bits0 & 1) !== 0,
    noAck: (r.bits0 & 2) !== 0,
    exclusive: (r.bits0 & 4) !== 0,
    nowait: (r.bits0 & 8) !== 0,
    arguments: table(r.arguments, r.argumentsLength),
  }
}

const parseBasicConsumeOk = parser<{ consumerTagLength: number; consumerTag: Buffer }>((p) =>
  p.uint8('consumerTagLength').buffer('consumerTag', { length: 'consumerTagLength' }),
)
function decodeBasicConsumeOk(args: Buffer): T.BasicConsumeOk {
  const r = parseBasicConsumeOk(args)
  ended(args, 1 + r.consumerTagLength)
  return {
    id: 0x003c0015,
    consumerTag: text(r.consumerTag, r.consumerTagLength),
  }
}

const parseBasicCancel = parser<{ consumerTagLength: number; consumerTag: Buffer; bits0: number }>((p) =>
  p.uint8('consumerTagLength').buffer('consumerTag', { length: 'consumerTagLength' }).uint8('bits0'),
)
function decodeBasicCancel(args: Buffer): T.BasicCancel {
  const r = parseBasicCancel(args)
  ended(args, 2 + r.consumerTagLength)
  return {
    id: 0x003c001e,
    consumerTag: text(r.consumerTag, r.consumerTagLength),
    nowait: (r.bits0 & 1) !== 0,
  }
}

const parseBasicCancelOk = parser<{ consumerTagLength: number; consumerTag: Buffer }>((p) =>
  p.uint8('consumerTagLength').buffer('consumerTag', { length: 'consumerTagLength' }),
)
function decodeBasicCancelOk(args: Buffer): T.BasicCancelOk {
  const r = parseBasicCancelOk(args)
  ended(args, 1 + r.consumerTagLength)
  return {
    id: 0x003c001f,
    consumerTag: text(r.consumerTag, r.consumerTagLength),
  }
}

export function decodeBasicPublish(args: Buffer): T.BasicPublish {
  need(args, 5)
  let at = 0
  const ticket = (args[at] << 8) | args[at + 1]
  at += 2
  const exchangeEnd = at + 1 + args[at]
  need(args, exchangeEnd)
  const exchange = octetText(args, at + 1, exchangeEnd)
  at = exchangeEnd
  need(args, at + 1)
  const routingKeyEnd = at + 1 + args[at]
  need(args, routingKeyEnd)
  const routingKey = octetText(args, at + 1, routingKeyEnd)
  at = routingKeyEnd
  need(args, at + 1)
  const bits0 = args[at]
  at += 1
  ended(args, at)
  return {
    id: 0x003c0028,
    ticket,
    exchange,
    routingKey,
    mandatory: (bits0 & 1) !== 0,
    immediate: (bits0 & 2) !== 0,
  }
}

const parseBasicReturn = parser<{ replyCode: number; replyTextLength: number; replyText: Buffer; exchangeLength: number; exchange: Buffer; routingKeyLength: number; routingKey: Buffer }>((p) =>
  p.uint16be('replyCode').uint8('replyTextLength').buffer('replyText', { length: 'replyTextLength' }).uint8('exchangeLength').buffer('exchange', { length: 'exchangeLength' }).uint8('routingKeyLength').buffer('routingKey', { length: 'routingKeyLength' }),
)
function decodeBasicReturn(args: Buffer): T.BasicReturn {
  const r = parseBasicReturn(args)
  ended(args, 5 + r.replyTextLength + r.exchangeLength + r.routingKeyLength)
  return {
    id: 0x003c0032,
    replyCode: r.replyCode,
    replyText: anyText(r.replyText, r.replyTextLength),
    exchange: anyText(r.exchange, r.exchangeLength),
    routingKey: anyText(r.routingKey, r.routingKeyLength),
  }
}

export function decodeBasicDeliver(args: Buffer): T.BasicDeliver {
  need(args, 12)
  let at = 0
  const consumerTagEnd = at + 1 + args[at]
  need(args, consumerTagEnd)
  const consumerTag = octetText(args, at + 1, consumerTagEnd)
  at = consumerTagEnd
  need(args, at + 8)
  const deliveryTag = args.readUInt32BE(at) * 4294967296 + args.readUInt32BE(at + 4)
  at += 8
  need(args, at + 1)
  const bits0 = args[at]
  at += 1
  need(args, at + 1)
  const exchangeEnd = at + 1 + args[at]
  need(args, exchangeEnd)
  const exchange = octetText(args, at + 1, exchangeEnd)
  at = exchangeEnd
  need(args, at + 1)
  const routingKeyEnd = at + 1 + args[at]
  need(args, routingKeyEnd)
  const routingKey = octetText(args, at + 1, routingKeyEnd)
  at = routingKeyEnd
  ended(args, at)
  return {
    id: 0x003c003c,
    consumerTag,
    deliveryTag,
    redelivered: (bits0 & 1) !== 0,
    exchange,
    routingKey,
  }
}

const parseBasicGet = parser<{ ticket: number; queueLength: number; queue: Buffer; bits0: number }>((p) =>
  p.uint16be('ticket').uint8('queueLength').buffer('queue', { length: 'queueLength' }).uint8('bits0'),
)
function decodeBasicGet(args: Buffer): T.BasicGet {
  const r = parseBasicGet(args)
  ended(args, 4 + r.queueLength)
  return {
    id: 0x003c0046,
    ticket: r.ticket,
    queue: text(r.queue, r.queueLength),
    noAck: (r.bits0 & 1) !== 0,
  }
}

const parseBasicGetOk = parser<{ deliveryTag: bigint; bits0: number; exchangeLength: number; exchange: Buffer; routingKeyLength: number; routingKey: Buffer; messageCount: number }>((p) =>
  p.uint64be('deliveryTag').uint8('bits0').uint8('exchangeLength').buffer('exchange', { length: 'exchangeLength' }).uint8('routingKeyLength').buffer('routingKey', { length: 'routingKeyLength' }).uint32be('messageCount'),
)
function decodeBasicGetOk(args: Buffer): T.BasicGetOk {
  const r = parseBasicGetOk(args)
  ended(args, 15 + r.exchangeLength + r.routingKeyLength)
  return {
    id: 0x003c0047,
    deliveryTag: Number(r.deliveryTag),
    redelivered: (r.bits0 & 1) !== 0,
    exchange: anyText(r.exchange, r.exchangeLength),
    routingKey: anyText(r.routingKey, r.routingKeyLength),
    messageCount: r.messageCount,
  }
}

const parseBasicGetEmpty = parser<{ clusterIdLength: number; clusterId: Buffer }>((p) =>
  p.uint8('clusterIdLength').buffer('clusterId', { length: 'clusterIdLength' }),
)
function decodeBasicGetEmpty(args: Buffer): T.BasicGetEmpty {
  const r = parseBasicGetEmpty(args)
  ended(args, 1 + r.clusterIdLength)
  return {
    id: 0x003c0048,
    clusterId: text(r.clusterId, r.clusterIdLength),
  }
}

export function decodeBasicAck(args: Buffer): T.BasicAck {
  need(args, 9)
  let at = 0
  const deliveryTag = args.readUInt32BE(at) * 4294967296 + args.readUInt32BE(at + 4)
  at += 8
  const bits0 = args[at]
  at += 1
  ended(args, at)
  return {
    id: 0x003c0050,
    deliveryTag,
    multiple: (bits0 & 1) !== 0,
  }
}

export function decodeBasicReject(args: Buffer): T.BasicReject {
  need(args, 9)
  let at = 0
  const deliveryTag = args.readUInt32BE(at) * 4294967296 + args.readUInt32BE(at + 4)
  at += 8
  const bits0 = args[at]
  at += 1
  ended(args, at)
  return {
    id: 0x003c005a,
    deliveryTag,
    requeue: (bits0 & 1) !== 0,
  }
}

const parseBasicRecoverAsync = parser<{ bits0: number }>((p) =>
  p.uint8('bits0'),
)
function decodeBasicRecoverAsync(args: Buffer): T.BasicRecoverAsync {
  const r = parseBasicRecoverAsync(args)
  ended(args, 1)
  return {
    id: 0x003c0064,
    requeue: (r.bits0 & 1) !== 0,
  }
}

const parseBasicRecover = parser<{ bits0: number }>((p) =>
  p.uint8('bits0'),
)
function decodeBasicRecover(args: Buffer): T.BasicRecover {
  const r = parseBasicRecover(args)
  ended(args, 1)
  return {
    id: 0x003c006e,
    requeue: (r.bits0 & 1) !== 0,
  }
}

function decodeBasicRecoverOk(args: Buffer): T.BasicRecoverOk {
  ended(args, 0)
  return { id: 0x003c006f }
}

export function decodeBasicNack(args: Buffer): T.BasicNack {
  need(args, 9)
  let at = 0
  const deliveryTag = args.readUInt32BE(at) * 4294967296 + args.readUInt32BE(at + 4)
  at += 8
  const bits0 = args[at]
  at += 1
  ended(args, at)
  return {
    id: 0x003c0078,
    deliveryTag,
    multiple: (bits0 & 1) !== 0,
    requeue: (bits0 & 2) !== 0,
  }
}

const parseConfirmSelect = parser<{ bits0: number }>((p) =>
  p.uint8('bits0'),
)
function decodeConfirmSelect(args: Buffer): T.ConfirmSelect {
  const r = parseConfirmSelect(args)
  ended(args, 1)
  return {
    id: 0x0055000a,
    nowait: (r.bits0 & 1) !== 0,
  }
}

function decodeConfirmSelectOk(args: Buffer): T.ConfirmSelectOk {
  ended(args, 0)
  return { id: 0x0055000b }
}

function decodeTxSelect(args: Buffer): T.TxSelect {
  ended(args, 0)
  return { id: 0x005a000a }
}

function decodeTxSelectOk(args: Buffer): T.TxSelectOk {
  ended(args, 0)
  return { id: 0x005a000b }
}

function decodeTxCommit(args: Buffer): T.TxCommit {
  ended(args, 0)
  return { id: 0x005a0014 }
}

function decodeTxCommitOk(args: Buffer): T.TxCommitOk {
  ended(args, 0)
  return { id: 0x005a0015 }
}

function decodeTxRollback(args: Buffer): T.TxRollback {
  ended(args, 0)
  return { id: 0x005a001e }
}

function decodeTxRollbackOk(args: Buffer): T.TxRollbackOk {
  ended(args, 0)
  return { id: 0x005a001f }
}

const decoders: Record<number, (args: Buffer) => T.AnyMethod> = {
  0x000a000a: decodeConnectionStart /* connection.start */,
  0x000a000b: decodeConnectionStartOk /* connection.start-ok */,
  0x000a0014: decodeConnectionSecure /* connection.secure */,
  0x000a0015: decodeConnectionSecureOk /* connection.secure-ok */,
  0x000a001e: decodeConnectionTune /* connection.tune */,
  0x000a001f: decodeConnectionTuneOk /* connection.tune-ok */,
  0x000a0028: decodeConnectionOpen /* connection.open */,
  0x000a0029: decodeConnectionOpenOk /* connection.open-ok */,
  0x000a0032: decodeConnectionClose /* connection.close */,
  0x000a0033: decodeConnectionCloseOk /* connection.close-ok */,
  0x000a003c: decodeConnectionBlocked /* connection.blocked */,
  0x000a003d: decodeConnectionUnblocked /* connection.unblocked */,
  0x000a0046: decodeConnectionUpdateSecret /* connection.update-secret */,
  0x000a0047: decodeConnectionUpdateSecretOk /* connection.update-secret-ok */,
  0x0014000a: decodeChannelOpen /* channel.open */,
  0x0014000b: decodeChannelOpenOk /* channel.open-ok */,
  0x00140014: decodeChannelFlow /* channel.flow */,
  0x00140015: decodeChannelFlowOk /* channel.flow-ok */,
  0x00140028: decodeChannelClose /* channel.close */,
  0x00140029: decodeChannelCloseOk /* channel.close-ok */,
  0x001e000a: decodeAccessRequest /* access.request */,
  0x001e000b: decodeAccessRequestOk /* access.request-ok */,
  0x0028000a: decodeExchangeDeclare /* exchange.declare */,
  0x0028000b: decodeExchangeDeclareOk /* exchange.declare-ok */,
  0x00280014: decodeExchangeDelete /* exchange.delete */,
  0x00280015: decodeExchangeDeleteOk /* exchange.delete-ok */,
  0x0028001e: decodeExchangeBind /* exchange.bind */,
  0x0028001f: decodeExchangeBindOk /* exchange.bind-ok */,
  0x00280028: decodeExchangeUnbind /* exchange.unbind */,
  0x00280033: decodeExchangeUnbindOk /* exchange.unbind-ok */,
  0x0032000a: decodeQueueDeclare /* queue.declare */,
  0x0032000b: decodeQueueDeclareOk /* queue.declare-ok */,
  0x00320014: decodeQueueBind /* queue.bind */,
  0x00320015: decodeQueueBindOk /* queue.bind-ok */,
  0x0032001e: decodeQueuePurge /* queue.purge */,
  0x0032001f: decodeQueuePurgeOk /* queue.purge-ok */,
  0x00320028: decodeQueueDelete /* queue.delete */,
  0x00320029: decodeQueueDeleteOk /* queue.delete-ok */,
  0x00320032: decodeQueueUnbind /* queue.unbind */,
  0x00320033: decodeQueueUnbindOk /* queue.unbind-ok */,
  0x003c000a: decodeBasicQos /* basic.qos */,
  0x003c000b: decodeBasicQosOk /* basic.qos-ok */,
  0x003c0014: decodeBasicConsume /* basic.consume */,
  0x003c0015: decodeBasicConsumeOk /* basic.consume-ok */,
  0x003c001e: decodeBasicCancel /* basic.cancel */,
  0x003c001f: decodeBasicCancelOk /* basic.cancel-ok */,
  0x003c0028: decodeBasicPublish /* basic.publish */,
  0x003c0032: decodeBasicReturn /* basic.return */,
  0x003c003c: decodeBasicDeliver /* basic.deliver */,
  0x003c0046: decodeBasicGet /* basic.get */,
  0x003c0047: decodeBasicGetOk /* basic.get-ok */,
  0x003c0048: decodeBasicGetEmpty /* basic.get-empty */,
  0x003c0050: decodeBasicAck /* basic.ack */,
  0x003c005a: decodeBasicReject /* basic.reject */,
  0x003c0064: decodeBasicRecoverAsync /* basic.recover-async */,
  0x003c006e: decodeBasicRecover /* basic.recover */,
  0x003c006f: decodeBasicRecoverOk /* basic.recover-ok */,
  0x003c0078: decodeBasicNack /* basic.nack */,
  0x0055000a: decodeConfirmSelect /* confirm.select */,
  0x0055000b: decodeConfirmSelectOk /* confirm.select-ok */,
  0x005a000a: decodeTxSelect /* tx.select */,
  0x005a000b: decodeTxSelectOk /* tx.select-ok */,
  0x005a0014: decodeTxCommit /* tx.commit */,
  0x005a0015: decodeTxCommitOk /* tx.commit-ok */,
  0x005a001e: decodeTxRollback /* tx.rollback */,
  0x005a001f: decodeTxRollbackOk /* tx.rollback-ok */,
}

/** Decodes the arguments behind the class and method id; undefined for an id that the protocol does not have. */
export function decodeMethod(id: number, args: Buffer): T.AnyMethod | undefined {
  return decoders[id]?.(args)
}
