import { describe, expect, it } from 'vitest'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { FrameWriter } from '../../src/protocol/frame-writer.ts'
import { MethodId, PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { CH, otherThingsHappen, session } from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table, Wire } from '../support/wire.ts'

const t = useTarget()

async function started(): Promise<Wire> {
  const w = await Wire.socket(t.url)
  w.write(PROTOCOL_HEADER)
  await w.expect(0, MethodId.ConnectionStart)
  return w
}

async function tuned(): Promise<Wire> {
  const w = await started()
  w.sendStartOk({})
  await w.expect(0, MethodId.ConnectionTune)
  return w
}

describe('protocol header', () => {
  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['another version', Buffer.from('AMQP\x00\x00\x08\x00', 'latin1')],
    ['a TLS hello', Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 'latin1')],
  ])('%s is answered with the right header and the end of the socket', async (_what, octets) => {
    const w = await Wire.socket(t.url, true)
    w.write(octets)
    await w.gone()
    expect(w.raw.toString('latin1')).toBe('AMQP\x00\x00\x09\x01')
  })

  it('may come octet by octet', async () => {
    const w = await Wire.socket(t.url)
    for (const o of PROTOCOL_HEADER) {
      w.write(Buffer.from([o]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await w.expect(0, MethodId.ConnectionStart)
    w.socket.destroy()
  })
})

describe('connection.start', () => {
  it('offers what clients look for', async () => {
    const w = await Wire.socket(t.url)
    w.write(PROTOCOL_HEADER)
    const m = await w.expect(0, MethodId.ConnectionStart)
    expect([m.versionMajor, m.versionMinor]).toEqual([0, 9])
    expect(m.mechanisms.toString().split(' ').sort()).toEqual(['AMQPLAIN', 'PLAIN'])
    expect(m.locales.toString()).toBe('en_US')
    const p = m.serverProperties.toPlain()
    expect(p['product']).toBe('RabbitMQ')
    expect(p['version']).toMatch(/^\d+\.\d+\.\d+/)
    expect(p['capabilities']).toEqual({
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true,
      consumer_priorities: true,
      authentication_failure_close: true,
      per_consumer_qos: true,
      direct_reply_to: true,
    })
    w.socket.destroy()
  })
})

describe('connection.start-ok', () => {
  it('logs in with AMQPLAIN', async () => {
    const { bytes } = table({ LOGIN: 'guest', PASSWORD: 'guest' })
    const w = await Wire.open(t.url, { mechanism: 'AMQPLAIN', response: bytes })
    await w.close()
  })

  it('refuses a wrong password with 403 where the client can take it', async () => {
    const w = await started()
    w.sendStartOk({ password: 'wrong' })
    const m = await w.expect(0, MethodId.ConnectionClose)
    expect(m.replyCode).toBe(403)
    expect(m.replyText).toBe(
      'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.',
    )
    expect([m.classId, m.methodId]).toEqual([0, 0])
    w.send(0, MethodId.ConnectionCloseOk)
    await w.gone()
  })

  it('ends in silence where the client cannot', async () => {
    const w = await started()
    w.sendStartOk({ user: 'nobody', capabilities: { authentication_failure_close: false } })
    await w.gone()
    expect(w.inbox).toEqual([])
  })

  it('ends in silence for an unknown mechanism or a malformed response, also where the client could take an answer', async () => {
    const invalid: [mechanism: string, response: string | Buffer][] = [
      ['CRAM-MD5', '\0guest\0guest'],
      ['EXTERNAL', ''],
      ['PLAIN', ''],
      ['PLAIN', 'guest'],
      ['PLAIN', 'someone\0guest\0guest'],
      ['PLAIN', '\0guest\0guest\0'],
      ['AMQPLAIN', ''],
      ['AMQPLAIN', '\0guest\0guest'],
      ['AMQPLAIN', table({ LOGIN: 'guest' }).bytes],
    ]
    const wires: Wire[] = []
    for (const [mechanism, response] of invalid) {
      const w = await started()
      w.sendStartOk({ mechanism, response: Buffer.from(response) })
      wires.push(w)
      // A login that succeeds makes the address wait less for the next failure.
      await (await Wire.open(t.url)).close()
    }
    for (const w of wires) {
      await w.gone()
      expect(w.inbox).toEqual([])
    }
  })

  it('refuses a password that is no string with 403', async () => {
    const w = await started()
    w.sendStartOk({ mechanism: 'AMQPLAIN', response: table({ LOGIN: 'guest', PASSWORD: 1 }).bytes })
    expect((await w.expect(0, MethodId.ConnectionClose)).replyCode).toBe(403)
    w.send(0, MethodId.ConnectionCloseOk)
    await w.gone()
  })
})

describe('connection.secure-ok', () => {
  it('is unexpected, since no mechanism needs a second step', async () => {
    const w = await tuned()
    w.send(0, MethodId.ConnectionSecureOk, { response: Buffer.alloc(0) })
    await w.gone()
  })
})

describe('connection.tune-ok', () => {
  it('offers 2047 channels, frames of 128 KiB and a heartbeat of a minute', async () => {
    const w = await started()
    w.sendStartOk({})
    const m = await w.expect(0, MethodId.ConnectionTune)
    expect([m.channelMax, m.frameMax, m.heartbeat]).toEqual([2047, 131072, 60])
    w.socket.destroy()
  })

  const refusedTunings = Object.freeze([
    [{ frameMax: 1024 }, 'negotiated frame_max = 1024 is lower than the minimum allowed value (4096)'],
    [{ frameMax: 262144 }, 'negotiated frame_max = 262144 is higher than the maximum allowed value (131072)'],
    [{ channelMax: 4000 }, 'negotiated channel_max = 4000 is higher than the maximum allowed value (2047)'],
    [
      { channelMax: 0 },
      'negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)',
    ],
  ] as const)
  const wrongTuning = differs('RabbitMQ 3.10 closes the socket without a word')
  wrongTuning.each(refusedTunings)('%o is refused with 530', async (wrong, text) => {
    const w = await tuned()
    w.send(0, MethodId.ConnectionTuneOk, { channelMax: 100, frameMax: 131072, heartbeat: 0, ...wrong })
    const e = await w.connectionError()
    expect(e.code).toBe(530)
    expect(e.text).toBe(`NOT_ALLOWED - ${text}`)
    await w.gone()
  })

  it('keeps the heartbeat that the client wants', async () => {
    const w = await Wire.open(t.url, { heartbeat: 1 })
    await until(() => w.heartbeats > 0, 'a heartbeat')
    await w.close()
  })

  it('drops a client that stays silent for two heartbeats', async () => {
    const w = await Wire.open(t.url, { heartbeat: 1 })
    await w.gone()
  })
})

describe('connection.open', () => {
  it('refuses a vhost that does not exist with 530', async () => {
    const w = await tuned()
    w.send(0, MethodId.ConnectionTuneOk, { channelMax: 10, frameMax: 131072, heartbeat: 0 })
    w.send(0, MethodId.ConnectionOpen, { virtualHost: 'nowhere', capabilities: '', insist: false })
    const e = await w.connectionError()
    expect(e).toMatchObject({
      code: 530,
      text: 'NOT_ALLOWED - vhost nowhere not found',
      classId: 10,
      methodId: 40,
    })
  })

  it('once only: 504 the second time', async () => {
    const w = await session(t)
    w.send(0, MethodId.ConnectionOpen, { virtualHost: '/', capabilities: '', insist: false })
    expect((await w.connectionError()).code).toBe(504)
  })
})

describe('connection.close', () => {
  it('is answered, and the socket ends', async () => {
    const w = await Wire.open(t.url)
    await w.call(0, MethodId.ConnectionClose, {}, MethodId.ConnectionCloseOk)
    w.socket.destroy()
  })

  differs('RabbitMQ waits for the client to end the socket')('ends the socket', async () => {
    const w = await Wire.open(t.url)
    await w.call(0, MethodId.ConnectionClose, {}, MethodId.ConnectionCloseOk)
    await w.gone()
  })

  it('takes the exclusive queues with it before close-ok', async () => {
    const a = await session(t)
    const { queue } = await a.call(CH, MethodId.QueueDeclare, { exclusive: true }, MethodId.QueueDeclareOk)
    await a.call(0, MethodId.ConnectionClose, {}, MethodId.ConnectionCloseOk)
    const b = await session(t)
    b.send(CH, MethodId.QueueDeclare, { queue, passive: true })
    expect((await b.channelError(CH)).code).toBe(404)
  })
})

describe('connection.close-ok', () => {
  it('after a server close ends the socket', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicPublish, { immediate: true })
    w.publish(CH, { immediate: true, routingKey: 'x' })
    await w.connectionError()
    await w.gone()
  })
})

describe('connection.update-secret', () => {
  it('is accepted', async () => {
    const w = await session(t)
    w.send(0, MethodId.ConnectionUpdateSecret, { newSecret: Buffer.from('guest'), reason: 'rotation' })
    await w.expect(0, MethodId.ConnectionUpdateSecretOk)
  })
})

describe('frames', () => {
  it('a wrong end octet is 501', async () => {
    const w = await session(t)
    w.write(Buffer.from([8, 0, 0, 0, 0, 0, 0, 0x41]))
    const e = await w.expect(0, MethodId.ConnectionClose)
    expect(e.replyCode).toBe(501)
    expect(e.replyText).toMatch(/invalid_frame_end_marker/)
    await w.gone()
  })

  it('a frame larger than negotiated is 501', async () => {
    const w = await Wire.open(t.url, { frameMax: 4096 })
    await w.channel(CH)
    w.publish(CH, { routingKey: 'nobody', body: Buffer.alloc(8192), split: 8192 })
    const e = await w.expect(0, MethodId.ConnectionClose)
    expect(e.replyCode).toBe(501)
    expect(e.replyText).toMatch(/frame_too_large/)
    await w.gone()
  })

  it('a method with too few arguments ends the connection', async () => {
    const w = await session(t)
    const f = new FrameWriter()
    f.frame(1, CH, Buffer.from([0, 50, 0, 10, 0, 0, 9, 0x61]))
    w.write(f.view())
    await w.over()
  })

  it('an unknown method ends the connection', async () => {
    const w = await session(t)
    const f = new FrameWriter()
    f.frame(1, CH, Buffer.from([0, 50, 0, 99]))
    w.write(f.view())
    await w.over()
  })

  it('a table that lies about its length ends the connection', async () => {
    const w = await session(t)
    const declare = Buffer.concat([
      Buffer.from([0, 50, 0, 10, 0, 0, 1, 0x71, 0]),
      Buffer.from([0, 0, 0, 8, 1, 0x61, 0x53, 0, 0, 1, 0]),
    ])
    const f = new FrameWriter()
    f.frame(1, CH, declare)
    w.write(f.view())
    await w.over()
  })

  differs('RabbitMQ has no bound of its own for nesting')('a table nested too deep is 501', async () => {
    const w = await session(t)
    let deep = FieldTable.empty
    for (let i = 0; i < 200; i++) deep = FieldTable.from({ a: deep })
    w.send(CH, MethodId.QueueDeclare, { queue: 'deep', arguments: deep })
    expect((await w.expect(0, MethodId.ConnectionClose)).replyCode).toBe(501)
  })

  it('a truncated frame waits for its rest', async () => {
    const w = await session(t)
    const other = await session(t)
    w.write(Buffer.from([8, 0, 0, 0]))
    await otherThingsHappen(other)
    w.write(Buffer.from([0, 0, 0, 0xce]))
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
  })

  it('the broker lives on after all of these', async () => {
    const w = await session(t)
    await w.call(CH, MethodId.QueueDeclare, { exclusive: true }, MethodId.QueueDeclareOk)
  })
})
