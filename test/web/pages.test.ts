/** Each page and each of its actions, and what they say to those who may not. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { useViews, useWeb, type View } from '../support/browser.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'

const web = useWeb()
const views = useViews(web)

const open = (hash = '', user = 'guest', password = user): Promise<View> =>
  views.open(hash, {}, user, password)

async function queue(args: object = {}): Promise<string> {
  const name = fresh('q')
  expect((await web.http.put(`queues/%2F/${name}`, { arguments: args })).status).toBe(201)
  return name
}

const messages = async (q: string): Promise<number> =>
  (await web.http.get(`queues/%2F/${q}/peek`)).json.length
const publish = (q: string, payload = 'p'): Promise<unknown> =>
  web.http.post('exchanges/%2F/amq.default/publish', {
    properties: {},
    routing_key: q,
    payload,
    payload_encoding: 'string',
  })
const exists = async (path: string): Promise<boolean> => (await web.http.get(path)).status === 200

describe('the login', () => {
  it('refuses a wrong password in the broker’s words, and keeps nothing of a right one', async () => {
    const v = await web.view()
    views.keep(v)
    await v.page.goto(web.base)
    await v.fill('User', 'guest')
    await v.fill('Password', 'wrong')
    await v.click('button', 'Log in')
    await v.see('Login failed')
    expect(await v.page.getByLabel('Password').inputValue()).toBe('')
    await v.fill('Password', 'guest')
    await v.page.keyboard.press('Enter')
    await v.page.locator('.frame').waitFor()
    const kept = await v.page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')
    expect(kept).toBe('[{},{},""]')
    await v.page.reload()
    await v.page.getByLabel('Password').waitFor()
  })

  it('ends by a click, and when the user is gone, and goes on where one was', async () => {
    await web.http.put('users/short', { password: 'short', tags: 'administrator' })
    const v = await open('#/users', 'short')
    await web.http.delete('users/short')
    await v.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await v.see('The broker does not accept this login any more.')
    await v.fill('User', 'guest')
    await v.fill('Password', 'guest')
    await v.click('button', 'Log in')
    await v.page.getByRole('heading', { name: 'Users' }).waitFor()
    await v.click('button', 'Log out')
    await v.page.getByLabel('Password').waitFor()
  })
})

describe('the pages', () => {
  it.each([
    ['#/', 'Queued messages'],
    ['#/queues', 'Add queue'],
    ['#/exchanges', 'amq.topic'],
    ['#/connections', 'Connections'],
    ['#/channels', 'Channels'],
    ['#/policies', 'Add a policy'],
    ['#/users', 'Add a user'],
    ['#/vhosts', 'Add a virtual host'],
    ['#/vhosts/%2F', 'Who may use it'],
    ['#/definitions', 'Download definitions'],
    ['#/no-such-page', 'There is no such page'],
    ['#/queues/%2F/no-such', 'There may be no such queue any more'],
  ])('%s opens from its address', async (hash, text) => {
    const v = await open(hash)
    await v.see(text)
  })

  it('show charts of all kinds on the overview', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'leveret-charts-'))
    const broker = await createBroker({ port: 0, managementPort: 0, dataDir })
    onTestFinished(() => broker.close())
    const base = `http://127.0.0.1:${broker.managementPort}`
    const v = views.keep(await web.view({ base }))
    await v.page.goto(`${base}/#/?range=60`)
    await v.fill('User', 'guest')
    await v.fill('Password', 'guest')
    await v.click('button', 'Log in')
    for (const title of [
      'Messages a second',
      'Queued messages',
      'Connections and channels',
      'Memory',
      'Free disk',
      'Event loop',
    ])
      await v.page.locator('.chart-title', { hasText: title }).waitFor()
    for (const range of ['10 min', '1 h', '8 h', '1 day']) {
      await v.click('button', range)
      await v.page.locator('.line').first().waitFor({ state: 'attached' })
    }
    expect(v.page.url()).toContain('range=86400')
  })

  it('show no free disk where nothing is on a disk', async () => {
    const v = await open('#/')
    await v.page.locator('.chart-title', { hasText: 'Memory' }).waitFor()
    expect(await v.page.locator('.chart-title', { hasText: 'Free disk' }).count()).toBe(0)
  })
})

describe('queues', () => {
  it('are made, with arguments, and what the broker has against one is shown', async () => {
    const v = await open('#/queues')
    await v.click('button', 'Add queue')
    const name = fresh('made')
    await v.fill('Name', name)
    await v.choose('Type', 'quorum')
    await v.fill('Arguments', '{"x-max-length": "no number"}')
    await v.page.locator('form').getByRole('button', { name: 'Add queue' }).click()
    await v.see(/x-max-length/)
    await v.fill('Arguments', '{oops')
    await v.page.locator('form').getByRole('button', { name: 'Add queue' }).click()
    await v.see(/Arguments: /)
    await v.fill('Arguments', '{"x-max-length": 5}')
    await v.page.locator('form').getByRole('button', { name: 'Add queue' }).click()
    await v.page.getByRole('heading', { name }).waitFor()
    const { json } = await web.http.get(`queues/%2F/${name}`)
    expect([json.type, json.arguments['x-max-length']]).toEqual(['quorum', 5])
  })

  it('are published to, got from, purged and deleted', async () => {
    const q = await queue()
    const v = await open(`#/queues/%2F/${q}?tab=publish`)
    await v.fill('Payload', '{"a": 1}')
    await v.fill('Headers', '{"tenant": "acme"}')
    await v.click('button', 'Publish')
    await v.see('Published.')
    expect(await messages(q)).toBe(1)
    await v.click('link', 'Messages')
    await v.see('acme')
    await v.click('button', 'Get')
    await v.page.getByRole('list', { name: 'Messages that were got' }).getByText('"a": 1').waitFor()
    expect(await messages(q)).toBe(1)
    await v.choose('Then', 'ack_requeue_false')
    await v.click('button', 'Get')
    await v.see(`Up to 1 ready message of ${q} will be taken out for good.`)
    await v.click('button', 'Take')
    await until(async () => (await messages(q)) === 0)
    await publish(q)
    await v.page.getByText('#1').first().waitFor()
    await v.click('button', 'Purge')
    await v.see(/1 ready message of the queue .* will be destroyed for good/)
    await v.click('button', 'Cancel')
    expect(await messages(q)).toBe(1)
    await v.click('button', 'Purge')
    await v.click('button', 'Purge')
    await until(async () => (await messages(q)) === 0)
    await v.click('button', 'Delete')
    await v.see(/will be destroyed with 0 messages/)
    await v.click('button', 'Delete queue')
    await v.page.getByRole('heading', { name: 'Queues' }).waitFor()
    expect(await exists(`queues/%2F/${q}`)).toBe(false)
  })

  it('are bound and unbound', async () => {
    const q = await queue()
    const v = await open(`#/queues/%2F/${q}?tab=bindings`)
    await v.fill('From exchange', 'amq.topic')
    await v.fill('Routing key', 'a.b/c d#')
    await v.click('button', 'Bind')
    await v.see('a.b/c d#')
    await v.click('button', 'Unbind')
    await v.see(/will not reach the queue/)
    await v.click('button', 'Unbind')
    await v.see('Unbound.')
    expect((await web.http.get(`queues/%2F/${q}/bindings`)).json).toHaveLength(1)
  })

  it('send dead letters back, all of them', async () => {
    const dead = await queue()
    const work = await queue({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead })
    for (let i = 0; i < 3; i++) await publish(work)
    await web.http.post(`queues/%2F/${work}/get`, {
      count: 3,
      ackmode: 'reject_requeue_false',
      encoding: 'auto',
    })
    const v = await open(`#/queues/%2F/${dead}?tab=messages`)
    await v.fill('At most', '2')
    await v.click('button', 'Send back …')
    await v.see(/Up to 2 messages of/)
    await v.click('button', 'Send back')
    await v.see('2 messages sent back, 0 left where they are.')
    expect([await messages(dead), await messages(work)]).toEqual([1, 2])
  })

  it('are filtered and sorted by the address, and the address follows', async () => {
    const [a, b] = [fresh('zz-sort'), fresh('zz-sort')]
    for (const q of [a, b]) await web.http.put(`queues/%2F/${q}`)
    for (let i = 0; i < 3; i++) await publish(b)
    const v = await open('#/queues?q=zz-sort&sort=ready&desc=1')
    const names = (): Promise<string[]> => v.page.locator('tbody a').allTextContents()
    await until(async () => (await names()).join() === [b, a].join(), 'the order')
    await v.click('button', /^Name/)
    await until(async () => (await names()).join() === [a, b].sort().join(), 'the order by name')
    expect(v.page.url()).toContain('sort=name')
    await v.page.getByLabel('Filter by name').fill('zz-sort.*$')
    await v.page.getByLabel('regex').check()
    await until(async () => (await names()).length === 2)
    await v.page.getByLabel('Filter by name').fill('no-such-queue')
    await v.see('Nothing fits the filter.')
    await until(() => v.page.url().includes('q=no-such-queue'))
    await v.page.getByLabel('Filter by name').fill('[')
    await v.see(/invalid regular expression/)
  })
})

describe('exchanges', () => {
  it('are made, published to and deleted', async () => {
    const v = await open('#/exchanges')
    await v.click('button', 'Add exchange')
    const name = fresh('x')
    await v.fill('Name', name)
    await v.choose('Type', 'fanout')
    await v.page.locator('form').getByRole('button', { name: 'Add exchange' }).click()
    await v.page.getByRole('heading', { name }).waitFor()
    const q = await queue()
    await v.click('link', /^Bindings/)
    await v.fill('Its name', q)
    await v.click('button', 'Bind')
    await v.page.getByRole('link', { name: q }).waitFor()
    await v.click('link', 'Publish')
    await v.fill('Payload', 'hello')
    await v.click('button', 'Publish')
    await v.see('Published.')
    expect(await messages(q)).toBe(1)
    await v.click('button', 'Delete')
    await v.see(/destroyed with 1 binding from it/)
    await v.click('button', 'Delete exchange')
    await v.page.getByRole('heading', { name: 'Exchanges' }).waitFor()
    expect(await exists(`exchanges/%2F/${name}`)).toBe(false)
  })
})

describe('connections', () => {
  it('show their channels and consumers, and are closed', async () => {
    const c = await connect(web.broker.url)
    const closed = new Promise<string>((resolve) => c.on('close', (e?: Error) => resolve(String(e))))
    const ch = await c.createChannel()
    await ch.consume(await queue(), () => {}, { consumerTag: 'tag-to-see' })
    const v = await open('#/connections?sort=channels&desc=1')
    await v.page.locator('tbody a').first().click()
    await v.see('Heartbeat')
    await v.page.getByRole('link', { name: /\(1\)$/ }).click()
    await v.see('tag-to-see')
    await v.page.getByRole('link', { name: /->/ }).first().click()
    await v.click('button', 'Close')
    await v.see(/loses its connection with 1 channel/)
    await v.click('button', 'Close connection')
    expect(await closed).toMatch(/Closed by an operator/)
    await v.see('The connection is closed.')
  })
})

describe('policies', () => {
  it('show what a pattern is for while it is typed, are set, changed and deleted', async () => {
    const [a, b] = [fresh('pol-a'), fresh('pol-b')]
    for (const q of [a, b]) await web.http.put(`queues/%2F/${q}`)
    const v = await open('#/policies')
    await v.fill('Name', 'limits')
    await v.fill('Pattern', `^${a}$`)
    const preview = v.page.locator('.preview')
    await preview.getByText(/^1 of \d+/).waitFor()
    expect(await preview.textContent()).toContain(a)
    expect(await preview.textContent()).not.toContain(b)
    await v.fill('Pattern', '(')
    await preview.getByText(/invalid regular expression/).waitFor()
    await v.fill('Pattern', `^${a}$`)
    await v.fill('Definition', '{"max-length": -1}')
    await v.click('button', 'Add policy')
    await v.see(/max-length/)
    await v.fill('Definition', '{"max-length": 7}')
    await v.click('button', 'Add policy')
    await v.see('Policy limits applies.')
    await until(async () => (await web.http.get(`queues/%2F/${a}`)).json.policy === 'limits')
    await v.click('button', 'limits')
    await v.fill('Definition', '{"max-length": 8}')
    await v.click('button', 'Save policy')
    await until(async () => (await web.http.get('policies/%2F/limits')).json.definition['max-length'] === 8)
    await v.page
      .getByRole('row')
      .filter({ hasText: 'limits' })
      .getByRole('button', { name: 'Delete' })
      .click()
    await v.see(/taken off at once/)
    await v.click('button', 'Delete policy')
    await until(async () => !(await exists('policies/%2F/limits')))
  })
})

describe('definitions', () => {
  it('are downloaded and uploaded, and what is wrong with a file is said', async () => {
    const q = await queue()
    const v = await open('#/definitions')
    const [download] = await Promise.all([
      v.page.waitForEvent('download'),
      v.click('button', 'Download definitions'),
    ])
    const file = join(tmpdir(), fresh('definitions'))
    await download.saveAs(file)
    const all = JSON.parse(readFileSync(file, 'utf8')) as { queues: { name: string }[] }
    expect(all.queues.map((x) => x.name)).toContain(q)
    const upload = async (name: string, text: string): Promise<void> => {
      const path = join(tmpdir(), `${fresh('up')}-${name}`)
      writeFileSync(path, text)
      await v.page.getByLabel('A definitions file').setInputFiles(path)
      await v.click('button', 'Load …')
      await v.click('button', 'Load')
    }
    const made = fresh('loaded')
    await upload(
      'ok.json',
      JSON.stringify({
        queues: [{ vhost: '/', name: made, durable: true, auto_delete: false, arguments: {} }],
      }),
    )
    await v.see(/is loaded/)
    expect(await exists(`queues/%2F/${made}`)).toBe(true)
    await upload('bad.json', '[1')
    await v.page.locator('dialog .failure').waitFor()
    expect(await v.page.locator('dialog .failure').textContent()).toMatch(/failed_to_parse_json/)
  })
})
