/** From the protocol header to connection.open (behaviour.md section 3). */
import { FRAME_BYTES_MAX } from '../broker/message.ts'
import { CHANNELS_MAX, FRAME_BYTES_MIN, HEARTBEAT_SECONDS } from '../limits.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type {
  ConnectionOpen,
  ConnectionStartOk,
  ConnectionTuneOk,
  ServerMethod,
} from '../protocol/generated/methods.ts'
import { mechanisms, readResponse } from '../security/sasl.ts'
import type { Access, User, Users } from '../security/users.ts'

export interface Tuning {
  /** 0 = no limit */
  readonly channelMax: number
  readonly frameMax: number
  readonly heartbeat: number
}

export const offered: Tuning = {
  channelMax: CHANNELS_MAX,
  frameMax: FRAME_BYTES_MAX,
  heartbeat: HEARTBEAT_SECONDS,
}

export function start(serverProperties: FieldTable): ServerMethod {
  return {
    id: MethodId.ConnectionStart,
    versionMajor: 0,
    versionMinor: 9,
    serverProperties,
    mechanisms: Buffer.from(mechanisms.join(' ')),
    locales: Buffer.from('en_US'),
  }
}

export function tune(): ServerMethod {
  return { id: MethodId.ConnectionTune, ...offered }
}

/** The user, or undefined where the login is refused; then nothing tells why but the log. */
export function login(users: Users, m: ConnectionStartOk, fromLoopback: boolean): User | undefined {
  const reading = readResponse(m.mechanism, m.response)
  return typeof reading === 'string' ? undefined : users.login(reading.user, reading.password, fromLoopback)
}

function notAllowed(text: string): AmqpError {
  return new AmqpError(ReplyCode.NotAllowed, text)
}

/** @throws AmqpError 530 for values outside of what was offered */
export function checkTuning(m: ConnectionTuneOk): Tuning {
  checkMax('frame_max', m.frameMax, offered.frameMax)
  if (m.frameMax !== 0 && m.frameMax < FRAME_BYTES_MIN)
    throw notAllowed(
      `negotiated frame_max = ${m.frameMax} is lower than the minimum allowed value (${FRAME_BYTES_MIN})`,
    )
  checkMax('channel_max', m.channelMax, offered.channelMax)
  return m
}

function checkMax(name: string, value: number, max: number): void {
  if (value !== 0 && value <= max) return
  const shown = value === 0 ? '0 (no limit)' : String(value)
  throw notAllowed(`negotiated ${name} = ${shown} is higher than the maximum allowed value (${max})`)
}

/** @throws AmqpError 530 for a vhost that is not there, or not for this user */
export function openVhost(m: ConnectionOpen, user: User, exists: boolean): Access {
  if (!exists) throw notAllowed(`vhost ${m.virtualHost} not found`)
  const access = user.accessTo(m.virtualHost)
  if (access === undefined)
    throw notAllowed(`access to vhost '${m.virtualHost}' refused for user '${user.name}'`)
  return access
}
