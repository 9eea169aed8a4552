/** Tables: each column can be sorted by, and names have room whatever the width of the window. */
import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useViews, useWeb, type View } from '../support/browser.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'

const web = useWeb()
const views = useViews(web)

const { open } = views

/** What the first column shows, row by row. */
const first = (v: View, table: string): Promise<string[]> =>
  v.page.getByRole('table', { name: table }).locator('tbody td:first-child').allTextContents()

/** Sorted by that heading, ascending, and the other way round at another click. */
async function turns(v: View, table: string, heading: string, ascending: readonly string[]): Promise<void> {
  for (const wanted of [ascending, [...ascending].reverse()]) {
    await v.click('button', new RegExp(`^${heading}`))
    await until(async () => (await first(v, table)).join() === wanted.join(), `the order by ${heading}`)
  }
}

describe('columns that show several things', () => {
  it('sort the bindings of an exchange by their arguments', async () => {
    const x = fresh('x')
    await web.http.put(`exchanges/%2F/${x}`, { type: 'headers' })
    const names = ['b', 'a', 'c'].map((n) => fresh(n))
    const levels = [2, 3, 1]
    for (const [i, q] of names.entries()) {
      await web.http.put(`queues/%2F/${q}`)
      await web.http.post(`bindings/%2F/e/${x}/q/${q}`, { arguments: { level: levels[i] } })
    }
    const v = await open(`#/exchanges/%2F/${x}?tab=bindings`)
    const [b = '', a = '', c = ''] = names
    await turns(v, 'Bindings', 'Arguments', [c, b, a])
    expect(v.page.url()).toContain('b.sort=arguments')
  })

  it('sort policies by their definitions', async () => {
    const lengths = { b: 2, a: 3, c: 1 }
    for (const [name, n] of Object.entries(lengths))
      await web.http.put(`policies/%2F/${name}`, { pattern: '^no$', definition: { 'max-length': n } })
    const v = await open('#/policies?q=no')
    await turns(v, 'Policies', 'Definition', ['c', 'b', 'a'])
    for (const name of Object.keys(lengths)) await web.http.delete(`policies/%2F/${name}`)
  })

  it('sort exchanges by their features, and channels by their mode', async () => {
    const [lasting, passing] = [fresh('feat-a'), fresh('feat-b')]
    await web.http.put(`exchanges/%2F/${lasting}`, { type: 'fanout', durable: true })
    await web.http.put(`exchanges/%2F/${passing}`, { type: 'fanout', durable: false })
    const v = await open('#/exchanges?q=feat-')
    await turns(v, 'Exchanges', 'Features', [passing, lasting])
    const c = await connect(web.broker.url)
    onTestFinished(() => c.close())
    await c.createConfirmChannel()
    await c.createChannel()
    const [confirming = '', plain = ''] = (
      (await web.http.get('channels?sort=number')).json as { name: string }[]
    ).map((ch) => ch.name.replace(/ -> \S+/, ''))
    await v.page.evaluate(going('#/channels'))
    await turns(v, 'Channels', 'Mode', [plain, confirming])
  })
})

describe('policies', () => {
  it('are changed at an address, and tell to whoever points at them what has no room', async () => {
    const definition = { 'max-length': 7, 'message-ttl': 60_000, 'dead-letter-exchange': 'graveyard' }
    await web.http.put('policies/%2F/linked', { pattern: '^no$', definition })
    const v = await open('#/policies?edit=policies%2F%252F%2Flinked')
    await v.see('Change linked')
    expect(await v.page.getByLabel('Name', { exact: true }).inputValue()).toBe('linked')
    const cell = v.page.locator('td').filter({ hasText: 'max-length' })
    await cell.hover()
    expect(await cell.getAttribute('title')).toContain('graveyard')
    await web.http.delete('policies/%2F/linked')
  })
})

/** Pixels that hold most names, such as an address with its port and channel. */
const NAME_PX = 150

const NARROW = `[...document.querySelectorAll('main table')].flatMap((t) => {
  const { textContent, clientWidth } = t.querySelector('th')
  return clientWidth < ${NAME_PX} ? [textContent + ' has ' + clientWidth] : []
})`

/** Goes there, and waits until what was there before is gone. */
function going(hash: string): string {
  return `new Promise((done) => {
    const drawn = () => requestAnimationFrame(() => requestAnimationFrame(done))
    addEventListener('hashchange', drawn, { once: true })
    location.hash = ${JSON.stringify(hash)}
  })`
}

describe('names', () => {
  it.each([740, 800, 950, 970, 1090, 1240, 1260, 1440])('have room in a window of %i', async (width) => {
    const c = await connect(web.broker.url, { clientProperties: { connection_name: 'web shop' } })
    onTestFinished(() => c.close())
    const q = fresh('room')
    const ch = await c.createChannel()
    await ch.assertQueue(q)
    await ch.consume(q, () => {})
    await web.http.put('policies/%2F/room', { pattern: '^no$', definition: { 'max-length': 1 } })
    const v = await open('', { width })
    const lists = ['queues', 'exchanges', 'connections', 'channels', 'policies', 'users', 'vhosts']
    for (const hash of [...lists, `queues/%2F/${q}?tab=consumers`, `queues/%2F/${q}?tab=bindings`]) {
      await v.page.evaluate(going(`#/${hash}`))
      await v.page.locator('tbody tr').first().waitFor()
      expect([hash, await v.page.evaluate(NARROW)]).toEqual([hash, []])
    }
    await web.http.delete('policies/%2F/room')
  })
})
