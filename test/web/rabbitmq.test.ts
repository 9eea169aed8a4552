/** The same tasks on RabbitMQ's own page, so that the right column of docs/web.md is counted and not guessed. */
import { readFileSync } from 'node:fs'
import { type ConfirmChannel, connect } from 'amqplib'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openBrowser } from '../support/browser.ts'
import { type Oracle, startOracle } from '../support/oracle.ts'
import { fresh } from '../support/target.ts'

const PORT = Number(process.env['LEVERET_ORACLE_PORT'] ?? 5697) + 40
const WAIT_MS = 20_000

let rabbit: Oracle
let browser: Browser

beforeAll(async () => {
  rabbit = await startOracle(PORT, ['rabbitmq_shovel', 'rabbitmq_shovel_management'])
  browser = await openBrowser()
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await rabbit?.stop()
})

/** RabbitMQ's page, logged in, with its clicks counted. */
class Rival {
  readonly page: Page
  clicks = 0

  constructor(page: Page) {
    this.page = page
  }

  async click(what: Locator): Promise<void> {
    this.clicks++
    await what.click()
  }

  /** A part of a page that is closed until its heading is clicked. */
  async unfold(title: RegExp): Promise<void> {
    await this.click(this.page.locator('#main h2').filter({ hasText: title }))
  }

  async tab(name: string): Promise<void> {
    await this.click(this.page.locator('#tabs').getByRole('link', { name, exact: true }))
  }

  async link(name: string): Promise<void> {
    await this.click(this.page.locator('#main').getByRole('link', { name, exact: true }))
  }

  async button(name: string): Promise<void> {
    await this.click(this.page.locator(`#main input[type=submit][value="${name}"]:visible`))
  }

  async see(text: string | RegExp): Promise<void> {
    await this.page.locator('body').getByText(text).filter({ visible: true }).first().waitFor()
  }
}

async function open(hash = '#/'): Promise<Rival> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  context.setDefaultTimeout(WAIT_MS)
  onTestFinished(() => context.close())
  const page = await context.newPage()
  await page.goto(rabbit.http)
  await page.fill('input[name=username]', 'guest')
  await page.fill('input[name=password]', 'guest')
  await page.click('input[type=submit]')
  await page.locator('#tabs a').first().waitFor()
  await page.goto(`${rabbit.http}/${hash}`)
  return new Rival(page)
}

async function client(properties: Record<string, string> = {}): Promise<ConfirmChannel> {
  const c = await connect(rabbit.url, { clientProperties: properties })
  onTestFinished(() => c.close())
  return await c.createConfirmChannel()
}

async function fill(ch: ConfirmChannel, queue: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) ch.sendToQueue(queue, Buffer.from(`order ${i}`))
  await ch.waitForConfirms()
}

function done(r: Rival, task: string): void {
  const row = readFileSync('docs/web.md', 'utf8')
    .split('\n')
    .find((l) => l.startsWith(`| ${task} |`))
  expect([task, r.clicks]).toEqual([task, Number.parseInt(row?.split('|')[3] ?? '', 10)])
}

describe('on RabbitMQ’s page an operator', () => {
  it('orders the queues by length, since there is no order by growth', async () => {
    const ch = await client()
    const [short, long] = [fresh('short'), fresh('long')]
    for (const q of [short, long]) await ch.assertQueue(q)
    await fill(ch, long, 50)
    const r = await open()
    await r.tab('Queues')
    await r.click(r.page.locator('#main th a.sort').filter({ hasText: 'Ready' }))
    await r.click(r.page.locator('#main th a.sort').filter({ hasText: 'Ready' }))
    await r.page.locator('#main table.list tbody tr').first().getByText(long).waitFor()
    done(r, 'Find the queue that is growing')
  })

  it('sees consumers and prefetch limit', async () => {
    const ch = await client()
    const q = fresh('why')
    await ch.assertQueue(q)
    await ch.prefetch(2)
    await ch.consume(q, () => {})
    await fill(ch, q, 5)
    const r = await open('#/queues')
    await r.link(q)
    await r.unfold(/^Consumers/)
    await r.see('Prefetch count')
    done(r, 'See why it is growing')
  })

  it('gets ten messages, which come back as redelivered', async () => {
    const ch = await client()
    const q = fresh('look')
    await ch.assertQueue(q)
    await fill(ch, q, 12)
    const r = await open('#/queues')
    await r.link(q)
    await r.unfold(/^Get messages/)
    await r.page.locator('input[name=count]').fill('10')
    await r.button('Get Message(s)')
    await r.see('order 9')
    const m = await ch.get(q)
    expect(m !== false && m.fields.redelivered).toBe(true)
    done(r, 'Look at its first ten messages')
  })

  it('follows a poison message, and moves it and all others back', async () => {
    const ch = await client()
    const [work, dead] = [fresh('work'), fresh('dead')]
    await ch.assertQueue(dead)
    await ch.assertQueue(work, { deadLetterExchange: '', deadLetterRoutingKey: dead })
    let rejected = false
    const back = new Promise<void>((resolve) => {
      void ch.consume(work, (m) => {
        if (m === null) return
        if (rejected) resolve()
        else ch.nack(m, false, false)
        rejected = true
      })
    })
    await fill(ch, work, 1)
    const r = await open('#/queues')
    await r.link(dead)
    await r.unfold(/^Get messages/)
    await r.button('Get Message(s)')
    await r.see('x-death')
    await r.tab('Queues')
    await r.link(work)
    await r.unfold(/^Consumers/)
    await r.see('Consumer tag')
    await r.tab('Queues')
    await r.link(dead)
    await r.unfold(/^Move messages/)
    await r.page.locator('input[name=dest-queue]').fill(work)
    await r.button('Move messages')
    await back
    done(r, 'Follow a poison message to its consumer, and send it back')
  })

  it('sees the client of one connection at a time', async () => {
    await client({ product: 'my-app', version: '4.5.6', connection_name: 'billing' })
    const r = await open()
    await r.tab('Connections')
    await r.click(r.page.locator('#main table.list tbody a').first())
    await r.unfold(/^Client properties/)
    await r.see('my-app')
    done(r, 'See who is connected with which client version')
  })

  it('adds a user, and then finds the user again for the three patterns', async () => {
    const r = await open()
    await r.tab('Admin')
    await r.unfold(/^Add a user/)
    await r.page.locator('input[name=username]:visible').fill('reader')
    await r.page.locator('input[name=password]:visible').fill('p')
    await r.page.locator('input[name=password_confirm]:visible').fill('p')
    await r.button('Add user')
    await r.link('reader')
    await r.page.locator('input[name=configure]').first().fill('')
    await r.page.locator('input[name=write]').first().fill('')
    await r.page.locator('input[name=read]').first().fill('^one$')
    await r.button('Set permission')
    await r.see('^one$')
    done(r, 'Add a user who may only read one queue')
  })
})
