import { describe, expect, it } from 'vitest'
import { api, far, list, put, state, there, useTwoBrokers } from './two-brokers.ts'

useTwoBrokers()

describe('the parameter of a shovel', () => {
  const good = { 'src-uri': 'amqp://', 'src-queue': 'a', 'dest-uri': 'amqp://', 'dest-queue': 'b' }

  it.each<[string, object, string]>([
    [
      'nothing',
      {},
      'Must specify \'src-exchange\' or \'src-queue\'\nKey "dest-uri" not found in s\nKey "src-uri" not found in s',
    ],
    [
      'several mistakes',
      { 'src-exchange': 5, nope: 1, 'ack-mode': 'maybe' },
      'Unrecognised terms [{<<"nope">>,1}] in s\nKey "dest-uri" not found in s\nsrc-exchange should be binary, actually was 5\nKey "src-uri" not found in s\nack-mode should be one of [<<"no-ack">>,<<"on-publish">>,<<"on-confirm">>], actually was <<"maybe">>',
    ],
    ['two sources', { ...good, 'src-exchange': 'x' }, "Cannot specify 'src-exchange' and 'src-queue'"],
    [
      'two destinations',
      { ...good, 'dest-exchange': 'x' },
      "Cannot specify 'dest-exchange' and 'dest-queue'",
    ],
    ['an unknown key', { ...good, 'src-que': 'x' }, 'Unrecognised terms [{<<"src-que">>,<<"x">>}] in s'],
    [
      'a text for a number',
      { ...good, 'src-prefetch-count': '5' },
      'src-prefetch-count should be a number, actually was <<"5">>',
    ],
    ['a number for a text', { ...good, 'dest-queue': 5 }, 'dest-queue should be binary, actually was 5'],
    [
      'no boolean',
      { ...good, 'dest-add-forward-headers': 'yes' },
      'dest-add-forward-headers should be boolean, actually was <<"yes">>',
    ],
    ['AMQP 1.0', { ...good, 'src-protocol': 'amqp10' }, 'src-protocol amqp10 is not supported; use amqp091'],
    [
      'the local protocol',
      { ...good, 'dest-protocol': 'local' },
      'dest-protocol local is not supported; use amqp091',
    ],
    [
      'another ack-mode',
      { ...good, 'ack-mode': 'maybe' },
      'ack-mode should be one of [<<"no-ack">>,<<"on-publish">>,<<"on-confirm">>], actually was <<"maybe">>',
    ],
    [
      'another end',
      { ...good, 'src-delete-after': 'soon' },
      'src-delete-after should be a number greater than or equal to 0, "never" or "queue-length", actually was <<"soon">>',
    ],
    [
      'an end before the beginning',
      { ...good, 'src-delete-after': -1 },
      'src-delete-after should be a number greater than or equal to 0, "never" or "queue-length", actually was -1',
    ],
    [
      'an end that is not counted',
      { ...good, 'ack-mode': 'no-ack', 'src-delete-after': 5 },
      "Cannot specify 'no-ack' and numerical 'delete-after'",
    ],
    [
      'another scheme',
      { ...good, 'dest-uri': 'http://x' },
      '"http://x" not a valid URI: {{unexpected_uri_scheme,"http"},"http://x"}',
    ],
    [
      'one bad address among good ones',
      { ...good, 'src-uri': ['amqp://', 'x'] },
      '"x" not a valid URI: {{unable_to_parse_uri,no_scheme},"x"}',
    ],
    [
      'a vhost that is not there',
      { ...good, 'src-uri': 'amqp:///nope' },
      'user "admin" may not connect to vhost "nope"',
    ],
    [
      'a property that is none',
      { ...good, 'dest-publish-properties': { colour: 'red' } },
      'Unrecognised terms [{<<"colour">>,<<"red">>}] in dest-publish-properties',
    ],
    [
      'a property of the wrong type',
      { ...good, 'dest-publish-properties': { delivery_mode: '2' } },
      'delivery_mode should be a number, actually was <<"2">>',
    ],
    [
      'a long name',
      { ...good, 'dest-queue': 'q'.repeat(300) },
      'dest-queue should be less than 255 bytes, actually was 300',
    ],
  ])('with %s is refused in RabbitMQ’s words', async (_, value, text) => {
    const r = await put('s', value)
    expect([r.status, r.json['reason']]).toEqual([400, `Validation failed\n\n${text}\n`])
    expect(await list()).toEqual([])
  })

  it('goes to vhosts of this broker only for who may', async () => {
    const r = await put('s', { ...good, 'dest-uri': 'amqp:///other' }, 'maker:m')
    expect([r.status, r.json['reason']]).toEqual([
      400,
      'Validation failed\n\nuser "maker" may not connect to vhost "other"\n',
    ])
    expect((await put('s', good, 'maker:m')).status).toBe(201)
    await state('s', 'running')
  })

  it('shows no passwords, in no place', async () => {
    const secret = 'amqp://user:s3cret@127.0.0.1:1/v?password=s3cret2'
    await put('s', { ...good, 'dest-uri': secret, 'reconnect-delay': 0 })
    await state('s', 'terminated')
    for (const path of [
      'shovels',
      'shovels/%2F',
      'shovels/vhost/%2F/s',
      'parameters',
      'parameters/shovel/%2F/s',
    ])
      expect(JSON.stringify((await api('GET', path)).json)).not.toContain('s3cret')
    const bad = await put('t', { ...good, 'dest-uri': 'http://user:s3cret@x' })
    expect(JSON.stringify(bad.json)).not.toContain('s3cret')
  })

  it('comes with definitions, and is refused there as well', async () => {
    const parameters = [{ vhost: '/', component: 'shovel', name: 'd', value: good }]
    expect((await api('POST', 'definitions', { parameters })).status).toBe(204)
    await state('d', 'running')
    const wrong = [{ vhost: '/', component: 'shovel', name: 'e', value: { ...good, 'ack-mode': 1 } }]
    expect((await api('POST', 'definitions', { parameters: wrong })).status).toBe(400)
  })
})

describe('GET /api/shovels', () => {
  it('answers as RabbitMQ does for what is not there', async () => {
    for (const path of ['shovels/nope', 'shovels/vhost/nope/s', 'shovels/vhost/%2F/s'])
      expect((await api('GET', path)).status).toBe(404)
    for (const path of ['shovels/vhost/%2F/s', 'shovels/vhost/%2F/s/restart'])
      expect((await api('DELETE', path)).status).toBe(404)
    expect(await list()).toEqual([])
  })

  it('shows one, and ends it', async () => {
    await put('s', { 'src-uri': 'amqp://', 'src-queue': 'a', 'dest-uri': far(), 'dest-queue': 'b' })
    await state('s', 'running')
    expect((await api('GET', 'shovels/vhost/%2F/s')).json).toMatchObject({
      name: 's',
      state: 'running',
      forwarded: 0,
      remaining: 'unlimited',
      component: 'shovel',
      value: { 'src-queue': 'a', 'dest-uri': `amqp://far@127.0.0.1:${there.port}` },
    })
    expect((await api('DELETE', 'shovels/vhost/%2F/s')).status).toBe(204)
    expect((await api('GET', 'shovels/vhost/%2F/s')).status).toBe(404)
    expect((await api('GET', 'parameters/shovel')).json).toEqual([])
  })
})
