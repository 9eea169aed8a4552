/** The pages of single objects: their charts, and where a message with these headers would go. */
import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useViews, useWeb, type View } from '../support/browser.ts'
import { fresh } from '../support/target.ts'

const web = useWeb()
const views = useViews(web)

const { open } = views

/** Waits until each of these charts shows something, over the last minute and over the last hour. */
async function charts(v: View, titles: readonly string[]): Promise<void> {
  for (const range of ['1 min', '1 h']) {
    await v.click('button', range)
    for (const title of titles) {
      const chart = v.page
        .locator('.chart')
        .filter({ has: v.page.locator('.chart-title', { hasText: title }) })
      await chart.locator('.line').first().waitFor({ state: 'attached' })
    }
  }
  expect(v.page.url()).toContain('range=3600')
  expect(v.complaints).toEqual([])
}

describe('charts', () => {
  it('are on the pages of a queue, an exchange, a connection and a channel', async () => {
    const c = await connect(web.broker.url)
    onTestFinished(() => c.close())
    const ch = await c.createConfirmChannel()
    const [q, x] = [fresh('charted'), fresh('x')]
    await ch.assertQueue(q)
    await ch.assertExchange(x, 'fanout')
    await ch.bindQueue(q, x, '')
    for (let i = 0; i < 10; i++) ch.publish(x, '', Buffer.from('m'))
    await ch.waitForConfirms()
    const [channel] = (await web.http.get('channels')).json as {
      name: string
      connection_details: { name: string }
    }[]
    const name = (text = ''): string => encodeURIComponent(text)
    for (const [hash, titles] of [
      [`#/queues/%2F/${q}`, ['Messages in the queue', 'Messages a second']],
      [`#/exchanges/%2F/${x}?tab=state`, ['Messages a second']],
      [`#/connections/${name(channel?.connection_details.name)}`, ['Octets a second']],
      [`#/channels/${name(channel?.name)}`, ['Messages a second']],
    ] as const) {
      const v = await open(hash)
      await charts(v, titles)
      await v.close()
    }
  })
})

describe('where a message would go', () => {
  it('follows from its headers, and an address has them', async () => {
    const [x, acme, other] = [fresh('headers'), fresh('acme'), fresh('other')]
    await web.http.put(`exchanges/%2F/${x}`, { type: 'headers' })
    for (const [queue, tenant] of [
      [acme, 'acme'],
      [other, 'other'],
    ]) {
      await web.http.put(`queues/%2F/${queue}`)
      const args = { 'x-match': 'all', tenant }
      await web.http.post(`bindings/%2F/e/${x}/q/${queue}`, { arguments: args })
    }
    const v = await open(`#/exchanges/%2F/${x}`)
    await v.fill('Headers', '{"tenant": "acme"}')
    await v.click('button', 'Find out')
    await v.see('It goes to 1 queue:')
    const found = v.page.locator('.route a')
    expect(await found.allTextContents()).toEqual([acme])
    await v.fill('Headers', '{"tenant": ')
    await v.click('button', 'Find out')
    await v.see(/Headers: /)
    await v.fill('Headers', '{"tenant": "nobody"}')
    await v.click('button', 'Find out')
    await v.see('It goes nowhere')
    expect(decodeURIComponent(v.page.url())).toContain('"nobody"')
    expect(v.complaints).toEqual([])
  })
})
