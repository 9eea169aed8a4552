/** Hostile names, themes, small screens. */
import { connect } from 'amqplib'
import type { Locator, Page } from 'playwright-core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useViews, useWeb } from '../support/browser.ts'
import { until } from '../support/until.ts'

const web = useWeb()
const views = useViews(web)

const { open } = views

async function go(page: Page, hash: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await page.locator('main h1, main .empty').first().waitFor()
}

const hostile = [
  '<img src=x onerror="window.pwned=1">',
  '"><script>window.pwned=2</script>',
  "' onmouseover='window.pwned=3",
  'javascript:window.pwned=4',
  '../../etc/passwd',
  'a?b#c&d=e%2F%zz',
  '\u202egnp.exe\u200b\u0007',
  '{{constructor.constructor("window.pwned=5")()}}',
  '__proto__',
  'constructor',
  '🐇 ünïcödé 队列',
  'x'.repeat(255),
]

describe('hostile', () => {
  it.each(hostile)('%s as a queue’s name, its messages and their headers is shown as text', async (name) => {
    const encoded = encodeURIComponent(name)
    expect((await web.http.put(`queues/%2F/${encoded}`)).status).toBeLessThan(300)
    onTestFinished(async () => {
      await web.http.delete(`queues/%2F/${encoded}`)
    })
    await web.http.post('exchanges/%2F/amq.default/publish', {
      properties: { headers: { [name.slice(0, 100)]: name, 'x-death': [{ queue: name, reason: name }] } },
      routing_key: name,
      payload: name,
      payload_encoding: 'string',
    })
    await web.http.post(`bindings/%2F/e/amq.topic/q/${encoded}`, { routing_key: name })
    const v = await open('#/queues')
    await v.page.locator('tbody a').first().click()
    // The page of the queue, not that of the list.
    await v.page.locator('.crumbs').waitFor()
    const heading = v.page.locator('h1')
    const shown = (await heading.textContent()) ?? ''
    if (/^[\x20-\x7e]+$/.test(name)) expect(shown).toBe(name)
    else expect(['\u202e', '\u200b', '\u0007'].filter((c) => shown.includes(c))).toEqual([])
    for (const tab of ['Messages', /^Bindings/, 'Publish', /^Consumers/, 'Live', 'State'] as const) {
      await v.click('link', tab)
      await v.page.locator('main .card').first().waitFor()
    }
    await v.click('link', 'Messages')
    await v.page.locator('.payload').first().waitFor()
    expect(
      await v.page.evaluate('[window.pwned, document.querySelectorAll("main img, main script").length]'),
    ).toEqual([undefined, 0])
    await v.click('button', 'Delete')
    await v.click('button', 'Delete queue')
    await until(async () => (await web.http.get(`queues/%2F/${encoded}`)).status === 404)
  })

  it('users, policies and virtual hosts are shown as text', async () => {
    const name = hostile[0] as string
    const encoded = encodeURIComponent(name)
    await web.http.put(`users/${encoded}`, { password: 'p', tags: `management,${name.replaceAll(',', '')}` })
    await web.http.put(`vhosts/${encoded}`, { description: name })
    await web.http.put(`policies/%2F/${encoded}`, { pattern: '^no-such$', definition: { 'max-length': 1 } })
    const v = await open()
    for (const hash of ['#/users', `#/users/${encoded}`, '#/vhosts', '#/policies']) {
      await go(v.page, hash)
      await v.page.locator('main bdi, main code', { hasText: name }).first().waitFor()
    }
    await go(v.page, `#/queues?vhost=${encoded}`)
    const choice = v.page.getByRole('combobox', { name: 'Virtual host' })
    await until(async () => (await choice.inputValue()) === name, 'the choice')
    expect(await v.page.evaluate('window.pwned')).toBe(undefined)
    await web.http.delete(`users/${encoded}`)
    await web.http.delete(`vhosts/${encoded}`)
    await web.http.delete(`policies/%2F/${encoded}`)
  })

  it('names turn the direction of no question, note, choice or title', async () => {
    const name = '\u202egnp.exe'
    const encoded = encodeURIComponent(name)
    await web.http.put(`vhosts/${encoded}`, {})
    await web.http.put(`users/${encoded}`, { password: 'p', tags: '' })
    await web.http.put(`permissions/${encoded}/${encoded}`, { configure: '', write: '', read: '' })
    await web.http.put(`vhost-limits/${encoded}/max-queues`, { value: 7 })
    const v = await open(`#/users/${encoded}`)
    const turned = (): Promise<unknown> =>
      v.page.evaluate('/\\u202e/.test(document.body.textContent + document.title)')
    await v.click('button', 'Remove')
    await v.see('may do nothing in')
    expect(await turned()).toBe(false)
    await v.page.keyboard.press('Escape')
    await v.page.locator('dialog').waitFor({ state: 'detached' })
    await go(v.page, `#/vhosts/${encoded}`)
    await v.click('button', 'Remove')
    await v.see('has no limit of queues any more')
    expect(await turned()).toBe(false)
    await v.page.keyboard.press('Escape')
    await v.page.locator('dialog').waitFor({ state: 'detached' })
    await v.click('button', 'Delete')
    await v.click('button', 'Delete virtual host')
    await v.see(/gnp.exe is deleted/)
    expect(await turned()).toBe(false)
    await web.http.delete(`users/${encoded}`)
  })

  it.each(['.', '..'])(
    '%s as a name, a step in a path for browsers, is said to be beyond them',
    async (name) => {
      const v = await open()
      const asked: string[] = []
      v.page.on('request', (r) => asked.push(new URL(r.url()).pathname))
      for (const hash of [`#/queues/%2F/${name}`, `#/vhosts/${name}`, `#/users/${name}`]) {
        await v.page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
        await v.page
          .locator('main .failure', { hasText: 'Browsers cannot ask for the names . and ..' })
          .waitFor()
        await go(v.page, '#/definitions')
      }
      // As browsers shorten them.
      expect(asked.filter((a) => a.endsWith('/'))).toEqual([])
    },
  )

  it('addresses lead to no page of others, and to no script', async () => {
    const v = await open()
    for (const hash of [
      '#/queues/%FF/%zz',
      '#//evil.example',
      '#/queues/../users',
      '#javascript:window.pwned=1',
    ]) {
      await go(v.page, hash)
      expect(v.page.url().startsWith(web.base)).toBe(true)
    }
    expect(await v.page.evaluate('window.pwned')).toBe(undefined)
  })
})

const pages = [
  '#/',
  '#/queues',
  '#/queues/%2F/phone-queue',
  '#/queues/%2F/phone-queue?tab=messages',
  '#/queues/%2F/phone-queue?tab=publish',
  '#/queues/%2F/phone-queue?tab=bindings',
  '#/exchanges',
  '#/exchanges/%2F/amq.topic',
  '#/connections',
  '#/channels',
  '#/policies',
  '#/users',
  '#/users/guest',
  '#/vhosts',
  '#/definitions',
]

/** The contrast between two colours, as WCAG 2 has it. */
function contrast(a: string, b: string): number {
  const light = (colour: string): number => {
    const [r = 0, g = 0, bl = 0] = (colour.match(/[\d.]+/g) ?? []).map((n) => Number(n) / 255)
    const line = (c: number): number => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * line(r) + 0.7152 * line(g) + 0.0722 * line(bl)
  }
  const [x, y] = [light(a), light(b)].sort((m, n) => n - m) as [number, number]
  return (x + 0.05) / (y + 0.05)
}

const LOOK = `(() => {
  const back = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = getComputedStyle(at).backgroundColor
      if (!/rgba\\(.*, 0\\)|transparent/.test(c)) return c
    }
    return 'rgb(255, 255, 255)'
  }
  return ['h1', '.muted', '.badge', 'a', '.button.primary', '.button', '.figure-label', 'th button', 'td a', '.diagnosis li'].flatMap((s) =>
    [...document.querySelectorAll('main ' + s)].slice(0, 3).map((e) => [s, getComputedStyle(e).color, back(e)]))
})()`

/** Parts of the page that are beyond its edge. */
const BEYOND = `[...document.querySelectorAll('.tabs a')].filter((a) => a.getBoundingClientRect().right > innerWidth).map((a) => a.textContent)`

/** Headings of tables that are cut off, and first columns that are too narrow for anything. */
const CUT = `[...document.querySelectorAll('th')].flatMap((h) => [
  ...(h.scrollWidth > h.clientWidth ? [h.textContent + ' is cut'] : []),
  ...(h.previousElementSibling === null && h.clientWidth < 80 ? [h.textContent + ' is narrow'] : []),
])`

const HOVERED = `(() => {
  const { color, backgroundColor } = getComputedStyle(document.querySelector('.button:hover'))
  return [color, backgroundColor]
})()`

describe('themes', () => {
  it.each(['light', 'dark'] as const)('%s: as the system has it, and readable', async (theme) => {
    await web.http.put('queues/%2F/phone-queue')
    const v = await open('', { theme })
    for (const hash of pages) {
      await go(v.page, hash)
      const pairs = (await v.page.evaluate(LOOK)) as [string, string, string][]
      for (const [what, colour, back] of pairs)
        expect([hash, what, contrast(colour, back) >= 4.5 ? 'readable' : `${colour} on ${back}`]).toEqual([
          hash,
          what,
          'readable',
        ])
    }
    const back = (await v.page.evaluate(
      'getComputedStyle(document.documentElement).backgroundColor',
    )) as string
    expect(contrast(back, 'rgb(0, 0, 0)') > 10).toBe(theme === 'light')
  })

  it.each(['light', 'dark'] as const)('%s: buttons are readable under the mouse', async (theme) => {
    await web.http.put('queues/%2F/phone-queue')
    const v = await open('#/queues/%2F/phone-queue?tab=publish', { theme })
    const readable = async (button: Locator): Promise<void> => {
      await button.hover()
      const [colour = '', back = ''] = (await v.page.evaluate(HOVERED)) as string[]
      expect(contrast(colour, back)).toBeGreaterThan(4.5)
    }
    await readable(v.page.getByRole('button', { name: 'Publish' }))
    await readable(v.page.getByRole('button', { name: 'Delete' }))
    await v.click('button', 'Delete')
    await readable(v.page.getByRole('button', { name: 'Delete queue' }))
    await readable(v.page.getByRole('button', { name: 'Cancel' }))
  })

  it('are chosen by a button, and remembered', async () => {
    const v = await open('', { theme: 'light' })
    const back = (): Promise<string> =>
      v.page.evaluate('getComputedStyle(document.documentElement).backgroundColor') as Promise<string>
    const light = await back()
    await v.click('button', 'Auto')
    expect(await back()).toBe(light)
    await v.click('button', 'Light')
    await v.page.getByRole('button', { name: 'Dark' }).waitFor()
    expect(await back()).not.toBe(light)
    await v.page.reload()
    await v.page.getByLabel('Password').waitFor()
    expect(await back()).not.toBe(light)
  })
})

describe('a phone', () => {
  it('shows every page without scrolling sideways, and has a menu', async () => {
    await web.http.put('queues/%2F/phone-queue')
    const v = await open('', { width: 360, height: 740 })
    for (const hash of pages) {
      await go(v.page, hash)
      const width = await v.page.evaluate('document.documentElement.scrollWidth')
      expect([hash, width]).toEqual([hash, 360])
      expect([hash, await v.page.evaluate(BEYOND)]).toEqual([hash, []])
    }
    await v.click('button', 'Menu')
    await v.click('link', 'Queues')
    await v.page.getByRole('heading', { name: 'Queues' }).waitFor()
    await v.page.getByRole('link', { name: 'Definitions' }).waitFor({ state: 'hidden' })
  })
})

describe('tables', () => {
  it.each([390, 1280])('have room for names and headings where the page is %i wide', async (width) => {
    const c = await connect(web.broker.url, { clientProperties: { connection_name: 'web shop' } })
    onTestFinished(() => c.close())
    const ch = await c.createChannel()
    await ch.assertQueue('table-queue', { durable: false, exclusive: true })
    await ch.consume('table-queue', () => {})
    await web.http.put('policies/%2F/names', { pattern: '^no-such$', definition: { 'max-length': 1 } })
    const v = await open('', { width })
    const more = [
      'queues/%2F/table-queue?tab=consumers',
      'cluster',
      'channels?sort=unconfirmed',
      'queues?sort=consumers',
    ]
    for (const hash of [...pages, ...more.map((m) => `#/${m}`)]) {
      await go(v.page, hash)
      if (/^#\/(connections|channels|users|vhosts|policies|queues|exchanges|cluster)\b[^/]*$/.test(hash))
        await v.page.locator('tbody tr').first().waitFor()
      const cut = await v.page.evaluate(CUT)
      expect([hash, cut]).toEqual([hash, []])
    }
    await web.http.delete('policies/%2F/names')
  })
})

describe('names of 255 characters', () => {
  it.each([390, 1280])('do not make pages of access wider than %i', async (width) => {
    const long = 'w'.repeat(255)
    await web.http.put(`vhosts/${long}`, {})
    await web.http.put(`users/${long}`, { password: 'p', tags: '' })
    await web.http.put(`permissions/${long}/${long}`, { configure: long, write: long, read: long })
    const v = await open('', { width })
    for (const hash of [`#/vhosts/${long}`, `#/users/${long}`]) {
      await go(v.page, hash)
      await v.page.getByRole('list', { name: 'Permissions', exact: true }).getByText(long).first().waitFor()
      const wide = await v.page.evaluate('document.documentElement.scrollWidth')
      expect([hash, wide]).toEqual([hash, width])
    }
    await web.http.delete(`users/${long}`)
    await web.http.delete(`vhosts/${long}`)
  })
})
