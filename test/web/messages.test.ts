/** What is shown of messages: the history of dead letters is told once, and nothing else is left out. */
import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useViews, useWeb, type View } from '../support/browser.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'

const web = useWeb()
const views = useViews(web)

/** A queue with dead letters in it. @returns its name, and that of the queue which they died in */
async function deadLetter(count = 1): Promise<readonly [string, string]> {
  const [work, dead] = [fresh('work'), fresh('dead')]
  await web.http.put(`queues/%2F/${dead}`)
  await web.http.put(`queues/%2F/${work}`, {
    arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
  })
  for (let i = 0; i < count; i++) await publish(work, { tenant: 'acme' })
  await web.http.post(`queues/%2F/${work}/get`, {
    count,
    ackmode: 'reject_requeue_false',
    encoding: 'auto',
  })
  await until(async () => (await web.http.get(`queues/%2F/${dead}/peek`)).json.length === count)
  return [dead, work]
}

const publish = (q: string, headers: object): Promise<unknown> =>
  web.http.post('exchanges/%2F/amq.default/publish', {
    properties: { headers },
    routing_key: q,
    payload: 'p',
    payload_encoding: 'string',
  })

const message = async (v: View): Promise<string> => {
  await v.page.locator('.message').first().waitFor()
  return (await v.page.locator('.message').first().textContent()) ?? ''
}

describe('a dead letter', () => {
  it('has its history in a sentence, and not in headers beside it', async () => {
    const [dead, work] = await deadLetter()
    const v = await views.open(`#/queues/%2F/${dead}?tab=messages`, { width: 390 })
    const text = await message(v)
    expect(text).toContain(`It was rejected by a consumer of ${work}`)
    expect(text).toContain('tenant=acme')
    expect(text).not.toContain('x-first-death')
    expect(text).not.toContain('x-last-death')
  })

  it('asks once who consumes where it died, however many others died there', async () => {
    const [dead, work] = await deadLetter(5)
    const v = await views.open('#/')
    let asked = 0
    // No other question is answered: five that ask for themselves would not all know.
    await v.page.route(
      (url) => url.href.includes(`${work}?columns=consumer_details`),
      async (route) => {
        if (asked++ === 0) await route.continue()
      },
    )
    await v.page.evaluate(`location.hash = '#/queues/%2F/${dead}?tab=messages'`)
    const said = v.page.getByText(`Nobody consumes from ${work} now.`)
    await until(async () => (await said.count()) === 5, 'five histories')
    expect(asked).toBeGreaterThan(0)
  })

  it('shows headers that say something else than its history', async () => {
    const q = fresh('forged')
    await web.http.put(`queues/%2F/${q}`)
    const death = { queue: 'here', reason: 'rejected', exchange: '', count: 1, 'routing-keys': [] }
    await publish(q, { 'x-death': [death], 'x-first-death-queue': 'there', 'x-last-death-queue': 'here' })
    const v = await views.open(`#/queues/%2F/${q}?tab=messages`)
    const text = await message(v)
    expect(text).toContain('x-first-death-queue=there')
    expect(text).not.toContain('x-last-death-queue')
  })

  it('shows an x-death that is no history as it is', async () => {
    const q = fresh('forged')
    await web.http.put(`queues/%2F/${q}`)
    await publish(q, { 'x-death': 'murder' })
    const v = await views.open(`#/queues/%2F/${q}?tab=messages`)
    expect(await message(v)).toContain('x-death=murder')
  })
})

describe('the messages of a queue', () => {
  it('are filtered and turned over by the address, and the address follows', async () => {
    const q = fresh('pages')
    await web.http.put(`queues/%2F/${q}`)
    for (let i = 0; i < 24; i++) await publish(q, { tenant: i % 2 === 0 ? 'acme' : 'globex' })
    const v = await views.open(`#/queues/%2F/${q}?tab=messages&header=tenant%3Dacme&offset=10`)
    const shown = v.page.getByRole('list', { name: 'Messages', exact: true }).locator('> li')
    await until(async () => (await shown.count()) === 2, 'the second page')
    expect(await shown.first().textContent()).toContain('tenant=acme')
    await v.click('button', 'Earlier')
    await until(async () => (await shown.count()) === 10, 'the first page')
    expect(v.page.url()).not.toContain('offset')
    const filter = v.page.getByLabel('Only with this header')
    await filter.fill('')
    await filter.blur()
    await v.page.getByText('tenant=globex').first().waitFor()
    await v.choose('State of messages', 'unacked')
    await v.see('No messages.')
    expect(v.page.url()).toMatch(/state=unacked$/)
  })
})

describe('messages as they pass', () => {
  it('say whether they came or went, when, and what had happened to them', async () => {
    const [dead, work] = await deadLetter()
    const v = await views.open(`#/queues/%2F/${dead}?tab=live`)
    await v.fill('Stop after', '3')
    await v.click('button', 'Watch')
    await v.see(`Watching queue ${dead}`)
    const c = await connect(web.broker.url)
    onTestFinished(() => c.close())
    const ch = await c.createChannel()
    await ch.get(dead, { noAck: true })
    await publish(dead, { tenant: 'globex' })
    await ch.get(dead, { noAck: true })
    await v.see('3 messages. The limit is reached.')
    const passed = v.page.locator('.message')
    const heads = (await passed.locator('.message-head').allTextContents()).reverse()
    expect(heads.map((h) => /^(published|delivered)\d\d:\d\d:\d\d/.exec(h)?.[1])).toEqual([
      'delivered',
      'published',
      'delivered',
    ])
    expect(await passed.last().textContent()).toContain(`It was rejected by a consumer of ${work}`)
  })

  it('say what to do when the broker goes away meanwhile', async () => {
    const [dead] = await deadLetter()
    const v = await views.open(`#/queues/%2F/${dead}?tab=live`)
    await v.page.route('**/tail?*', (r) => r.abort())
    await v.click('button', 'Watch')
    await v.see('The broker does not answer any more: watch again when it is back.')
  })
})
