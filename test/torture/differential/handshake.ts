/** A connection of its own, as far as it gets. */
import { MethodId, methodNames, PROTOCOL_HEADER } from '../../../src/protocol/generated/constants.ts'
import { Wire } from '../../support/wire.ts'
import type { Names } from './names.ts'
import { type HandshakeStep, idOf } from './step.ts'
import { fieldTable } from './typed.ts'

const USER = 'guest'

/** What the broker says. */
export async function shakeHands(url: string, step: HandshakeStep, names: Names): Promise<string[]> {
  const w = await Wire.socket(url)
  const heard: string[] = []
  /** False where nothing more comes. */
  const hear = async (expected: MethodId): Promise<boolean> => {
    const r = await w.next(0).catch(() => undefined)
    if (r === undefined) heard.push('the socket ended')
    else if (r.method.id === MethodId.ConnectionStart) heard.push('connection.start')
    else heard.push(`${methodNames[r.method.id as MethodId]} ${names.fields(r.method)}`)
    return r?.method.id === expected
  }
  /** What is said in place of what comes next, where there is something. */
  const says = (id: MethodId): boolean => {
    if (step.instead !== methodNames[id]) return true
    w.send(0, idOf.get('connection.secure-ok') as MethodId, { response: Buffer.from('x') } as never)
    return false
  }
  try {
    w.write(PROTOCOL_HEADER)
    if (!(await hear(MethodId.ConnectionStart))) return heard
    if (says(MethodId.ConnectionStartOk)) w.sendStartOk(login(step))
    if (!(await hear(MethodId.ConnectionTune))) return heard
    const { channelMax = 2047, frameMax = 131_072 } = step
    if (says(MethodId.ConnectionTuneOk))
      w.send(0, MethodId.ConnectionTuneOk, { channelMax, frameMax, heartbeat: 0 })
    const virtualHost = step.vhost ?? '/'
    if (says(MethodId.ConnectionOpen))
      w.send(0, MethodId.ConnectionOpen, { virtualHost, capabilities: '', insist: false })
    if (!(await hear(MethodId.ConnectionOpenOk))) return heard
    w.send(0, MethodId.ConnectionClose)
    await hear(MethodId.ConnectionCloseOk)
    return heard
  } finally {
    w.socket.destroy()
  }
}

function login({
  user = USER,
  password = USER,
  mechanism = 'PLAIN',
}: HandshakeStep): Parameters<Wire['sendStartOk']>[0] {
  if (mechanism !== 'AMQPLAIN') return { user, password, mechanism }
  return { mechanism, response: fieldTable({ LOGIN: user, PASSWORD: password }, (s) => s).bytes }
}
