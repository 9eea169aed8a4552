// DO NOT EDIT: written by spec/generate.ts from spec/amqp-0-9-1.json.

import { PropertyReader } from '../decode-support.ts'
import type { FieldTable } from '../field-table.ts'
import type { FrameWriter } from '../frame-writer.ts'

export const FLAG_CONTENT_TYPE = 32768
export const FLAG_CONTENT_ENCODING = 16384
export const FLAG_HEADERS = 8192
export const FLAG_DELIVERY_MODE = 4096
export const FLAG_PRIORITY = 2048
export const FLAG_CORRELATION_ID = 1024
export const FLAG_REPLY_TO = 512
export const FLAG_EXPIRATION = 256
export const FLAG_MESSAGE_ID = 128
export const FLAG_TIMESTAMP = 64
export const FLAG_TYPE = 32
export const FLAG_USER_ID = 16
export const FLAG_APP_ID = 8
export const FLAG_CLUSTER_ID = 4

/** The properties of a message, as in its content header; absent ones are undefined. */
export interface Properties {
  contentType?: string | undefined
  contentEncoding?: string | undefined
  headers?: FieldTable | undefined
  deliveryMode?: number | undefined
  priority?: number | undefined
  correlationId?: string | undefined
  replyTo?: string | undefined
  expiration?: string | undefined
  messageId?: string | undefined
  timestamp?: bigint | undefined
  type?: string | undefined
  userId?: string | undefined
  appId?: string | undefined
  clusterId?: string | undefined
}

/** Decodes the property list that follows the flags, straight-line in the order of the flags. */
export function decodeProperties(flags: number, buffer: Buffer, start: number, end: number): Properties {
  const r = new PropertyReader(buffer, start, end)
  const p: Properties = {}
  if (flags & 32768) p.contentType = r.shortstr()
  if (flags & 16384) p.contentEncoding = r.shortstr()
  if (flags & 8192) p.headers = r.table()
  if (flags & 4096) p.deliveryMode = r.u8()
  if (flags & 2048) p.priority = r.u8()
  if (flags & 1024) p.correlationId = r.shortstr()
  if (flags & 512) p.replyTo = r.shortstr()
  if (flags & 256) p.expiration = r.shortstr()
  if (flags & 128) p.messageId = r.shortstr()
  if (flags & 64) p.timestamp = r.u64()
  if (flags & 32) p.type = r.shortstr()
  if (flags & 16) p.userId = r.shortstr()
  if (flags & 8) p.appId = r.shortstr()
  if (flags & 4) p.clusterId = r.shortstr()
  r.ended()
  return p
}

/** Writes the flags and the property list. */
export function encodeProperties(w: FrameWriter, p: Properties): void {
  w.u16(
    (p.contentType === undefined ? 0 : 32768) |
    (p.contentEncoding === undefined ? 0 : 16384) |
    (p.headers === undefined ? 0 : 8192) |
    (p.deliveryMode === undefined ? 0 : 4096) |
    (p.priority === undefined ? 0 : 2048) |
    (p.correlationId === undefined ? 0 : 1024) |
    (p.replyTo === undefined ? 0 : 512) |
    (p.expiration === undefined ? 0 : 256) |
    (p.messageId === undefined ? 0 : 128) |
    (p.timestamp === undefined ? 0 : 64) |
    (p.type === undefined ? 0 : 32) |
    (p.userId === undefined ? 0 : 16) |
    (p.appId === undefined ? 0 : 8) |
    (p.clusterId === undefined ? 0 : 4),
  )
  if (p.contentType !== undefined) w.shortstr(p.contentType)
  if (p.contentEncoding !== undefined) w.shortstr(p.contentEncoding)
  if (p.headers !== undefined) w.table(p.headers)
  if (p.deliveryMode !== undefined) w.u8(p.deliveryMode)
  if (p.priority !== undefined) w.u8(p.priority)
  if (p.correlationId !== undefined) w.shortstr(p.correlationId)
  if (p.replyTo !== undefined) w.shortstr(p.replyTo)
  if (p.expiration !== undefined) w.shortstr(p.expiration)
  if (p.messageId !== undefined) w.shortstr(p.messageId)
  if (p.timestamp !== undefined) w.u64(p.timestamp)
  if (p.type !== undefined) w.shortstr(p.type)
  if (p.userId !== undefined) w.shortstr(p.userId)
  if (p.appId !== undefined) w.shortstr(p.appId)
  if (p.clusterId !== undefined) w.shortstr(p.clusterId)
}
