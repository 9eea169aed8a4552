/** Pages of what not every broker has: there where the broker answers for it, and otherwise not in the menu. */
import { describe, expect, it } from 'vitest'
import { useWeb } from '../support/browser.ts'

const web = useWeb()

const node = (name: string, more: object): object => ({
  name,
  state: 'standby',
  active: false,
  running: true,
  host: name,
  listeners: [],
  version: '1.2.3',
  applied: 5,
  lag_records: 0,
  lag_seconds: 0,
  ...more,
})
const cluster = {
  cluster: 'burrow',
  node: 'a',
  active: 'a',
  epoch: 3,
  takeovers: 1,
  relayed: 0,
  problem: '',
  nodes: [
    node('a', { active: true, state: 'serving' }),
    node('b', { lag_records: 12, lag_seconds: 3 }),
    node('c', { running: false, state: 'away' }),
  ],
  log: { first: 1, last: 17, bytes: 2048, limit: 4096 },
  engine: { connected: true, leader: 'n1', replicas: [], round_trip_ms: 1.5 },
}
const shovel = {
  name: 'mine',
  vhost: '/',
  type: 'dynamic',
  state: 'terminated',
  reason: 'no route',
  src_uri: 'amqp://one',
  src_queue: 'from-here',
  dest_uri: 'amqp://two',
  dest_exchange: 'to-there',
}

describe('a broker', () => {
  it('without a cluster has no page of it', async () => {
    const v = await web.view()
    await v.page.route('**/api/cluster/status', (r) => r.fulfill({ json: { ...cluster, cluster: '' } }))
    await v.page.route('**/api/shovels', (r) =>
      r.fulfill({ status: 404, json: { error: 'not_found', reason: '' } }),
    )
    await v.page.goto(web.base)
    await v.fill('User', 'guest')
    await v.fill('Password', 'guest')
    const asked = Promise.all([
      v.page.waitForResponse('**/api/shovels'),
      v.page.waitForResponse('**/api/cluster/status'),
    ])
    await v.click('button', 'Log in')
    await asked
    await v.page.getByRole('link', { name: 'Definitions' }).waitFor()
    for (const name of ['Shovels', 'Cluster'])
      expect(await v.page.getByRole('link', { name }).count()).toBe(0)
    expect(v.complaints).toEqual([])
    await v.close()
  })

  it('in a cluster shows roles and lag, and promotes and forgets nodes', async () => {
    const v = await web.view()
    const done: string[] = []
    await v.page.route('**/api/cluster/**', (r) => {
      if (r.request().method() === 'GET') return r.fulfill({ json: cluster })
      done.push(`${r.request().method()} ${new URL(r.request().url()).pathname}`)
      return r.fulfill({ status: 204 })
    })
    await v.page.goto(`${web.base}/#/cluster`)
    await v.fill('User', 'guest')
    await v.fill('Password', 'guest')
    await v.click('button', 'Log in')
    await v.see('12 (3 s)')
    await v.click('button', 'Promote')
    await v.see(/All clients lose their connections .* 12 batches behind/)
    await v.click('button', 'Promote')
    await v.see('b takes over.')
    await v.click('button', 'Forget')
    await v.click('button', 'Forget')
    await v.see('c is forgotten.')
    expect(done).toEqual(['POST /api/cluster/promote/b', 'DELETE /api/cluster/nodes/c'])
    expect(v.complaints).toEqual([])
    await v.close()
  })

  it('with shovels shows their state, makes, restarts and deletes them', async () => {
    const v = await web.view()
    const done: string[] = []
    const note = (method: string, url: string, body: string | null): void => {
      done.push(`${method} ${new URL(url).pathname.replace('/api/', '')}${body === null ? '' : ` ${body}`}`)
    }
    await v.page.route(/\/api\/(shovels|parameters)/, (r) => {
      const { method, url, postData } = {
        method: r.request().method(),
        url: r.request().url(),
        postData: r.request().postData(),
      }
      if (method === 'GET') return r.fulfill({ json: [shovel] })
      note(method, url, postData)
      return r.fulfill({ status: 204 })
    })
    await v.page.goto(`${web.base}/#/shovels`)
    await v.fill('User', 'guest')
    await v.fill('Password', 'guest')
    await v.click('button', 'Log in')
    await v.see('from-here at amqp://one')
    await v.see('terminated')
    await v.click('button', 'Restart')
    await v.click('button', 'Restart')
    await v.see('mine is restarted.')
    await v.click('button', 'Delete')
    await v.see(/Messages stay where they are/)
    await v.click('button', 'Delete shovel')
    await v.see('mine is deleted.')
    await v.fill('Name', 'new')
    await v.fill('From queue', 'a')
    await v.fill('Its name there', 'b')
    await v.click('button', 'Add shovel')
    await v.see('Shovel new begins.')
    expect(done.slice(0, 2)).toEqual([
      'DELETE shovels/vhost/%2F/mine/restart',
      'DELETE parameters/shovel/%2F/mine',
    ])
    const [way = '', body = ''] = done[2]?.split(' {') ?? []
    expect(way).toBe('PUT parameters/shovel/%2F/new')
    expect(JSON.parse(`{${body}`).value).toMatchObject({
      'src-queue': 'a',
      'dest-queue': 'b',
      'ack-mode': 'on-confirm',
    })
    expect(v.complaints).toEqual([])
    await v.close()
  })
})
