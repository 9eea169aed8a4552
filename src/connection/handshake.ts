/** The handshake from the protocol header to connection.open (behaviour.md section 3). */
import { CHANNELS_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MIN, HEARTBEAT_SECONDS } from '../limits.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type { ConnectionTuneOk, ServerMethod } from '../protocol/generated/methods.ts'

export interface Tuning {
  /** 0 = no limit */
  readonly channelMax: number
  readonly frameMax: number
  readonly heartbeat: number
}

export const defaultTuning: Tuning = {
  channelMax: CHANNELS_MAX,
  frameMax: FRAME_BYTES_MAX,
  heartbeat: HEARTBEAT_SECONDS,
}

export function start(serverProperties: FieldTable, mechanisms: readonly string[]): ServerMethod {
  return {
    id: MethodId.ConnectionStart,
    versionMajor: 0,
    versionMinor: 9,
    serverProperties,
    mechanisms: Buffer.from(mechanisms.join(' ')),
    locales: Buffer.from('en_US'),
  }
}

export function tune(tuning: Tuning): ServerMethod {
  return { id: MethodId.ConnectionTune, ...tuning }
}

export function notAllowed(text: string): AmqpError {
  return new AmqpError(ReplyCode.NotAllowed, text)
}

/** @throws AmqpError 530 for values outside the offered range */
export function checkTuning(m: ConnectionTuneOk, offered: Tuning): Tuning {
  checkMax('frame_max', m.frameMax, offered.frameMax)
  if (m.frameMax !== 0 && m.frameMax < FRAME_BYTES_MIN)
    throw notAllowed(
      `negotiated frame_max = ${m.frameMax} is lower than the minimum allowed value (${FRAME_BYTES_MIN})`,
    )
  checkMax('channel_max', m.channelMax, offered.channelMax)
  return m
}

function checkMax(name: string, value: number, max: number): void {
  if (max === 0 || (value !== 0 && value <= max)) return
  const shown = value === 0 ? '0 (no limit)' : String(value)
  throw notAllowed(`negotiated ${name} = ${shown} is higher than the maximum allowed value (${max})`)
}
