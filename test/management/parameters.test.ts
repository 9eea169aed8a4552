/** Parameters: who sees which, and without the passwords of addresses. */
import { beforeAll, describe, expect, it } from 'vitest'
import { CH } from '../support/session.ts'
import { Wire } from '../support/wire.ts'
import { useHttp } from './target.ts'

const http = useHttp()
const shovel = {
  'src-uri': 'amqp://alice:pa55word@10.0.0.1:5672/%2F',
  'dest-uri': ['amqps://bob:pa55word@h1', 'amqps://h2?certfile=c&password=pa55word'],
  'src-queue': 'q',
  nested: { deep: [{ uri: 'amqp://:pa55word@h' }] },
}
const shown = {
  'src-uri': 'amqp://alice@10.0.0.1:5672/%2F',
  'dest-uri': ['amqps://bob@h1', 'amqps://h2?certfile=c&password='],
  'src-queue': 'q',
  nested: { deep: [{ uri: 'amqp://@h' }] },
}

beforeAll(async () => {
  await http.put('vhosts/other')
  for (const [user, tags] of [
    ['nobody', ''],
    ['manager', 'management'],
    ['monitor', 'monitoring'],
    ['policies', 'policymaker'],
    ['both', 'policymaker,monitoring'],
  ] as const)
    await http.put(`users/${user}`, { password: 'p', tags })
  for (const user of ['nobody', 'manager', 'policies'])
    await http.put(`permissions/other/${user}`, { configure: '', write: '', read: '' })
  for (const vhost of ['%2F', 'other'])
    await http.put(`parameters/federation-upstream/${vhost}/s`, { value: shovel })
  await http.put('global-parameters/g', { value: shovel })
})

const vhostsIn = (json: { vhost: string }[]): string[] => json.map((p) => p.vhost)

describe('parameters', () => {
  it.each(['parameters', 'parameters/federation-upstream'])(
    'in %s are those of vhosts that the user may see',
    async (path) => {
      expect(vhostsIn((await http.get(path)).json)).toEqual(['/', 'other'])
      expect(vhostsIn((await http.get(path, 'both:p')).json)).toEqual(['/', 'other'])
      expect(vhostsIn((await http.get(path, 'policies:p')).json)).toEqual(['other'])
    },
  )

  it('of one vhost are refused to those who may not see it, and to those without the tag', async () => {
    for (const path of ['parameters/federation-upstream/VHOST', 'parameters/federation-upstream/VHOST/s']) {
      expect((await http.get(path.replace('VHOST', 'other'), 'policies:p')).status).toBe(200)
      expect((await http.get(path.replace('VHOST', '%2F'), 'policies:p')).status).toBe(401)
      expect((await http.get(path.replace('VHOST', 'nowhere'), 'policies:p')).status).toBe(404)
      for (const user of ['nobody', 'manager', 'monitor'])
        expect([user, (await http.get(path.replace('VHOST', 'other'), `${user}:p`)).status]).toEqual([
          user,
          401,
        ])
    }
    const put = await http.call('PUT', 'parameters/federation-upstream/%2F/s', { value: {} }, 'policies:p')
    const gone = await http.call('DELETE', 'parameters/federation-upstream/%2F/s', undefined, 'policies:p')
    expect([put.status, gone.status]).toEqual([401, 401])
    expect((await http.get('parameters/federation-upstream/%2F/s')).status).toBe(200)
  })

  it('lose the passwords of addresses', async () => {
    for (const login of ['guest:guest', 'both:p']) {
      for (const path of [
        'parameters',
        'parameters/federation-upstream',
        'parameters/federation-upstream/other',
      ])
        for (const p of (await http.get(path, login)).json) expect(p.value).toEqual(shown)
      expect((await http.get('parameters/federation-upstream/other/s', login)).json.value).toEqual(shown)
      expect((await http.get('global-parameters/g', login)).json.value).toEqual(shown)
      expect(JSON.stringify((await http.get('global-parameters', login)).json)).not.toContain('pa55word')
    }
  })

  it('keep them in definitions, which load again as they were', async () => {
    const before = (await http.get('definitions')).json
    expect(before.parameters.map((p: { value: unknown }) => p.value)).toEqual([shovel, shovel])
    const one = (await http.get('definitions/other')).json
    expect(one.parameters).toEqual([{ component: 'federation-upstream', name: 's', value: shovel }])
    await http.delete('parameters/federation-upstream/other/s')
    expect((await http.post('definitions/other', one)).status).toBe(204)
    await http.delete('parameters/federation-upstream/%2F/s')
    expect((await http.post('definitions', before)).status).toBe(204)
    const sorted = (json: { parameters: object[] }): string[] =>
      json.parameters.map((p) => JSON.stringify(p)).sort()
    expect(sorted((await http.get('definitions')).json)).toEqual(sorted(before))
  })
})

describe('addresses elsewhere', () => {
  it('lose their passwords in the properties of clients and in errors', async () => {
    const clientProperties = {
      connection_name: 'to amqp://a:pa55word@h',
      more: { uri: 'amqp://a:pa55word@h' },
    }
    const w = await Wire.open(http.amqp, { clientProperties })
    await w.channel(CH)
    for (const path of ['connections', 'channels', 'consumers']) {
      const text = JSON.stringify((await http.get(path)).json)
      expect(text).not.toContain('pa55word')
      if (path === 'connections') expect(text).toContain('to amqp://a@h')
    }
    await w.close()
    const { status, json } = await http.put('policies/%2F/p', {
      pattern: 'amqp://a:pa55word@h(',
      definition: { 'max-length': 1 },
    })
    expect(status).toBe(400)
    expect(JSON.stringify(json)).not.toContain('pa55word')
  })
})
