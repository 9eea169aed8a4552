/** What operators use such a page for, task by task, and in how many clicks: docs/web.md has the table beside RabbitMQ's. */
import { readFileSync } from 'node:fs'
import { type ConfirmChannel, connect } from 'amqplib'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { useWeb, type View } from '../support/browser.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'

const web = useWeb()
let view: View | undefined

afterEach(async () => {
  await view?.close()
  view = undefined
})

async function open(hash = ''): Promise<View> {
  view = await web.open(hash)
  return view
}

async function client(properties: Record<string, string> = {}): Promise<ConfirmChannel> {
  const c = await connect(web.broker.url, { clientProperties: properties })
  c.on('error', () => {})
  onTestFinished(() => c.close().catch(() => {}))
  return await c.createConfirmChannel()
}

/** The clicks that docs/web.md names for a task. */
function documented(task: string): number {
  const row = readFileSync('docs/web.md', 'utf8')
    .split('\n')
    .find((l) => l.startsWith(`| ${task} |`))
  return Number(row?.split('|')[2]?.trim())
}

/** Nothing but the task's clicks was needed, and the page complained about nothing. */
function done(v: View, task: string): void {
  expect([task, v.clicks]).toEqual([task, documented(task)])
  expect(v.complaints).toEqual([])
}

async function fill(ch: ConfirmChannel, queue: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    ch.sendToQueue(queue, Buffer.from(JSON.stringify({ order: i })), { headers: { tenant: 'acme' } })
  await ch.waitForConfirms()
}

describe('an operator', () => {
  it('finds the queue that is growing', async () => {
    const ch = await client()
    const [still, growing] = [fresh('still'), fresh('growing')]
    for (const q of [still, growing]) await ch.assertQueue(q)
    await fill(ch, still, 5)
    const timer = setInterval(() => ch.sendToQueue(growing, Buffer.from('m')), 20)
    onTestFinished(() => clearInterval(timer))
    const v = await open()
    const first = v.page.locator('.growing li').first()
    await first.getByRole('link', { name: growing }).waitFor()
    expect(await first.textContent()).toMatch(/\+[\d.,]+\/s.*no consumer/)
    done(v, 'Find the queue that is growing')
  })

  it('sees why it is growing', async () => {
    const ch = await client()
    const q = fresh('why')
    await ch.assertQueue(q)
    await ch.prefetch(2)
    await ch.consume(q, () => {})
    const timer = setInterval(() => ch.sendToQueue(q, Buffer.from('m')), 20)
    onTestFinished(() => clearInterval(timer))
    const v = await open()
    await v.click('link', q)
    const said = v.page.getByRole('list', { name: 'How this queue is' })
    await said.getByText(/Its consumer is at its prefetch limit: 2 messages are unacknowledged/).waitFor()
    await said.getByText(/held by connection .* the first since \d\d:\d\d:\d\d UTC/).waitFor()
    await said.getByText(/It grows by .*\/s: .*\/s are published and .*\/s delivered/).waitFor()
    done(v, 'See why it is growing')
  })

  it('looks at its first ten messages, and takes none', async () => {
    const ch = await client()
    const q = fresh('look')
    await ch.assertQueue(q)
    await fill(ch, q, 12)
    const v = await open(`#/queues?q=${q}`)
    await v.click('link', q)
    await v.click('link', 'Messages')
    const messages = v.page.getByRole('list', { name: 'Messages', exact: true })
    await messages.getByText('"order": 9').waitFor()
    expect(await messages.locator('> li').count()).toBe(10)
    expect((await ch.checkQueue(q)).messageCount).toBe(12)
    const [first] = (await web.http.get(`queues/%2F/${q}/peek?count=1`)).json
    expect(first.redelivered).toBe(false)
    done(v, 'Look at its first ten messages')
    await v.click('button', 'Later')
    await messages.getByText('"order": 11').waitFor()
  })

  it('follows a poison message to the consumer that rejected it, and sends it back', async () => {
    const ch = await client({ product: 'worker', version: '9' })
    const [work, dead] = [fresh('work'), fresh('dead')]
    await ch.assertQueue(dead)
    await ch.assertQueue(work, { deadLetterExchange: '', deadLetterRoutingKey: dead })
    let poison = true
    const done1 = new Promise<string>((resolve) => {
      void ch.consume(work, (m) => {
        if (m === null) return
        if (poison) ch.nack(m, false, false)
        else {
          ch.ack(m)
          resolve(m.content.toString())
        }
      })
    })
    await fill(ch, work, 1)
    await until(async () => (await ch.checkQueue(dead)).messageCount === 1)
    poison = false
    const v = await open(`#/queues?q=${dead}`)
    await v.click('link', dead)
    await v.click('link', 'Messages')
    const story = v.page.locator('.deaths')
    await story.getByText(`It was rejected by a consumer of ${work}`).waitFor()
    await story.getByText(/Its consumer now: amq\.ctag-.* of user guest on 127\.0\.0\.1:\d+/).waitFor()
    await v.click('button', `Send back to ${work}`)
    await v.see(`It leaves ${dead} and goes to the end of ${work}`)
    await v.click('button', 'Send back')
    await v.see(`Sent back to ${work}.`)
    expect(await done1).toBe('{"order":0}')
    await v.see('No messages.')
    done(v, 'Follow a poison message to its consumer, and send it back')
  })

  it('finds where a message with a key would go', async () => {
    const ch = await client()
    const [x, a, b] = [fresh('x'), fresh('a'), fresh('b')]
    await ch.assertExchange(x, 'topic')
    for (const [q, key] of [
      [a, 'stock.*'],
      [b, 'other'],
    ] as const) {
      await ch.assertQueue(q)
      await ch.bindQueue(q, x, key)
    }
    const v = await open(`#/exchanges?q=${x}`)
    await v.click('link', x)
    // The page puts the cursor there by itself.
    await v.page.getByLabel('Routing key').and(v.page.locator(':focus')).waitFor()
    await v.page.keyboard.type('stock.nyse')
    await v.page.keyboard.press('Enter')
    await v.see('It goes to 1 queue:')
    await v.page.getByRole('link', { name: a }).waitFor()
    done(v, 'Find where a message with a key would go')
    await v.fill('Routing key', 'nowhere')
    await v.page.keyboard.press('Enter')
    await v.see('It goes nowhere')
    expect((await ch.checkQueue(a)).messageCount).toBe(0)
  })

  it('sees who is connected with which client version', async () => {
    await client({ product: 'my-app', version: '4.5.6', connection_name: 'billing' })
    const v = await open()
    await v.click('link', 'Connections')
    const row = v.page.getByRole('row').filter({ hasText: 'billing' })
    await row.getByText('my-app 4.5.6').waitFor()
    expect(await row.textContent()).toContain('guest')
    done(v, 'See who is connected with which client version')
  })

  it('adds a user who may only read one queue', async () => {
    const ch = await client()
    const q = fresh('only.this')
    for (const name of [q, `${q}2`]) await ch.assertQueue(name)
    const v = await open()
    await v.click('link', 'Users')
    await v.fill('Name', 'reader')
    await v.fill('Password', 'p')
    await v.choose('May', 'read')
    await v.fill('Queue', q)
    await v.click('button', 'Add user')
    await v.see('User reader is there.')
    done(v, 'Add a user who may only read one queue')
    const { json } = await web.http.get('permissions/%2F/reader')
    expect(json).toMatchObject({ configure: '', write: '', read: `^${q.replaceAll('.', '\\.')}$` })
    const c = await connect(web.broker.url.replace('guest:guest', 'reader:p'))
    c.on('error', () => {})
    const reader = await c.createChannel()
    reader.on('error', () => {})
    expect(await reader.get(q)).toBe(false)
    await expect(reader.get(`${q}2`)).rejects.toThrow(/ACCESS-REFUSED|403/)
    await c.close()
  })

  it('watches messages of one queue as they pass', async () => {
    const ch = await client()
    const q = fresh('watch')
    await ch.assertQueue(q)
    const v = await open(`#/queues?q=${q}`)
    await v.click('link', q)
    await v.click('link', 'Live')
    await v.fill('Stop after', '3')
    await v.click('button', 'Watch')
    await v.see(`Watching queue ${q}`)
    await fill(ch, q, 5)
    await v.see('The limit is reached.')
    const seen = v.page.getByRole('list', { name: 'Messages that have passed' })
    await seen.getByText('"order": 2').waitFor()
    expect(await seen.locator('> li').count()).toBe(3)
    expect((await ch.checkQueue(q)).messageCount).toBe(5)
    done(v, 'Watch messages of one queue as they pass')
  })

  it('watches messages of one key as they pass', async () => {
    const ch = await client()
    const v = await open('#/exchanges/%2F/amq.topic?tab=live')
    await v.fill('Routing key', 'stock.#')
    await v.click('button', 'Watch')
    await v.see('Watching exchange amq.topic')
    ch.publish('amq.topic', 'other', Buffer.from('no'))
    ch.publish('amq.topic', 'stock.nyse', Buffer.from('yes'))
    await v.see('yes')
    expect(await v.page.locator('.message').count()).toBe(1)
    await v.click('button', 'Stop')
    await v.page.getByRole('button', { name: 'Watch' }).waitFor()
    expect(v.complaints).toEqual([])
  })
})
