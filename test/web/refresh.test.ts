/** What the page does while its broker is away, while its tab is hidden, and with very many queues. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { useViews, useWeb } from '../support/browser.ts'
import { until } from '../support/until.ts'

const web = useWeb()
const views = useViews(web)

const { open } = views

describe('a broker that is lost', () => {
  it('is said in a banner, which goes when the broker is back', async () => {
    const first = await createBroker({ port: 0, managementPort: 0 })
    const { managementPort = 0 } = first
    const base = `http://127.0.0.1:${managementPort}`
    const v = await web.view({ base })
    views.keep(v)
    await v.page.goto(`${base}/#/queues`)
    await v.fill('User', 'guest')
    await v.fill('Password', 'guest')
    await v.page.keyboard.press('Enter')
    await v.see('Nothing is here yet')
    await first.close()
    await v.see('The broker does not answer')
    expect(await v.page.locator('.failure').count()).toBe(0)
    await v.click('button', 'Add queue')
    await v.fill('Name', 'while-away')
    await v.page.locator('form').getByRole('button', { name: 'Add queue' }).click()
    // What is beneath a form stays true when the broker is back.
    const failure = v.page.locator('form .failure')
    await failure.waitFor()
    expect(await failure.textContent()).toMatch(/^The broker did not answer: look whether/)
    const second = await createBroker({ port: 0, managementPort })
    onTestFinished(() => second.close())
    await v.page.locator('.lost').waitFor({ state: 'detached' })
    await v.see('Nothing is here yet')
    expect(await v.page.getByText('does not answer').count()).toBe(0)
    expect(await v.page.getByLabel('Name', { exact: true }).inputValue()).toBe('while-away')
  })
})

describe('numbers', () => {
  it('refresh by themselves, and not in a hidden tab', async () => {
    const v = await open('#/queues')
    await v.page.clock.install()
    let requests = 0
    v.page.on('request', () => requests++)
    const hide = (hidden: boolean): Promise<unknown> =>
      v.page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`,
      )
    await hide(false)
    await until(() => requests > 0, 'a request when the tab is looked at')
    // The timers of the requests before the clock was taken over have no part in it.
    await v.page.waitForLoadState('networkidle')
    requests = 0
    await v.page.clock.runFor(6000)
    await until(() => requests > 0, 'a request by itself')
    await hide(true)
    await v.page.waitForLoadState('networkidle')
    requests = 0
    await v.page.clock.runFor(60_000)
    expect(requests).toBe(0)
    await hide(false)
    await until(() => requests > 0, 'a request when the tab is looked at again')
  })
})

describe('ten thousand queues', () => {
  it('are read page by page, as far as they are in sight, and only those are drawn', {
    timeout: 120_000,
  }, async () => {
    const broker = await createBroker({ port: 0, managementPort: 0 })
    onTestFinished(() => broker.close())
    const base = `http://127.0.0.1:${broker.managementPort}`
    const queues = Array.from({ length: 10_000 }, (_, i) => ({
      vhost: '/',
      name: `queue-${String(i).padStart(5, '0')}`,
      durable: true,
      auto_delete: false,
      arguments: {},
    }))
    const authorization = `Basic ${btoa('guest:guest')}`
    const loaded = await fetch(`${base}/api/definitions`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ queues }),
    })
    expect(loaded.status).toBe(204)
    const v = await web.view({ base })
    views.keep(v)
    const asked: string[] = []
    v.page.on('request', (r) => asked.push(r.url()))
    await v.page.goto(`${base}/#/queues?sort=name`)
    await v.fill('User', 'guest')
    await v.fill('Password', 'guest')
    await v.page.keyboard.press('Enter')
    await v.see('10,000 queues')
    const rows = v.page.locator('.grid tbody tr:not(.gap)')
    expect(await rows.count()).toBeLessThan(60)
    await v.page.evaluate('document.querySelector(".grid").scrollTop = 5000 * 40')
    await v.page.getByRole('link', { name: 'queue-05005' }).waitFor()
    expect(await rows.count()).toBeLessThan(60)
    await v.page.evaluate('document.querySelector(".grid").scrollTop = 1e9')
    await v.page.getByRole('link', { name: 'queue-09999' }).waitFor()
    await v.page.getByLabel('Filter by name').fill('queue-012')
    await v.see('100 of 10,000 queues')
    const lists = asked.filter((u) => u.includes('/api/queues'))
    expect(lists.filter((u) => !u.includes('page_size=100'))).toEqual([])
  })
})
