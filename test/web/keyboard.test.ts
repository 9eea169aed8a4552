/** Whoever has no mouse: every place can be reached, and the focus is never lost. */
import { describe, expect, it } from 'vitest'
import { useViews, useWeb, type View } from '../support/browser.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'

const web = useWeb()
const views = useViews(web)

const { open } = views

/** What has the focus, with the row that it is in. */
async function focusIn(v: View): Promise<string> {
  const text = `(() => {
    const e = document.activeElement
    const row = e.closest('tr, li, .card')
    return (row?.querySelector('a, b, h2')?.textContent ?? '') + ' ' + (e === document.body ? 'nothing' : e.textContent)
  })()`
  return String(await v.page.evaluate(text)).trim()
}

async function focusOn(v: View, what: string): Promise<void> {
  await until(async () => (await focusIn(v)) === what, `the focus on ${what}`)
}

describe('a keyboard', () => {
  it('is enough: to log in, to go to a queue, to purge it, to leave a question', async () => {
    const q = fresh('keys')
    await web.http.put(`queues/%2F/${q}`)
    const v = await web.view()
    views.keep(v)
    await v.page.goto(`${web.base}/#/queues?q=${q}`)
    await v.page.getByLabel('User').waitFor()
    await v.page.keyboard.type('guest')
    await v.page.keyboard.press('Tab')
    await v.page.keyboard.type('guest')
    await v.page.keyboard.press('Enter')
    await v.page.getByRole('link', { name: q }).waitFor()
    const focused = (): Promise<string> =>
      v.page.evaluate('document.activeElement.textContent') as Promise<string>
    const tabTo = async (text: string): Promise<void> => {
      for (let i = 0; i < 60 && (await focused()) !== text; i++) await v.page.keyboard.press('Tab')
      expect(await focused()).toBe(text)
    }
    await tabTo(q)
    await v.page.keyboard.press('Enter')
    await v.page.getByRole('heading', { name: q }).waitFor()
    await until(async () => (await focused()) === q, 'the focus in the new page')
    await tabTo('Purge')
    await v.page.keyboard.press('Enter')
    await v.page.locator('dialog[open]').waitFor()
    await v.page.keyboard.press('Escape')
    await v.page.locator('dialog').waitFor({ state: 'detached' })
    await until(async () => (await focused()) === 'Purge', 'the focus back where it was')
  })

  it('stays where it is when a form is sent and when a question is refused', async () => {
    await web.http.put('vhosts/held', {})
    const v = await open('#/vhosts/held')
    const focused = (): Promise<string> =>
      v.page.evaluate('document.activeElement.textContent') as Promise<string>
    await v.page.getByRole('button', { name: 'Start tracing' }).focus()
    await v.page.keyboard.press('Enter')
    await v.page.getByRole('button', { name: 'Stop tracing' }).waitFor()
    expect(await focused()).toBe('Stop tracing')
    await v.page.route('**/api/vhosts/held', (r) =>
      r.request().method() === 'DELETE'
        ? r.fulfill({ status: 412, body: '{"reason":"not now"}' })
        : r.continue(),
    )
    await v.click('button', 'Delete')
    await v.page.getByRole('button', { name: 'Delete virtual host' }).focus()
    await v.page.keyboard.press('Enter')
    await v.see('not now')
    expect(await focused()).toBe('Delete virtual host')
    await web.http.delete('vhosts/held')
  })
})

describe('the focus', () => {
  /** Deletes what is in the row of that name, without a mouse. */
  async function remove(v: View, name: string, verb: string): Promise<void> {
    const row = v.page.getByRole('row').filter({ hasText: name })
    await row.getByRole('button', { name: 'Delete' }).focus()
    await v.page.keyboard.press('Enter')
    await v.page.locator('dialog').getByRole('button', { name: verb }).focus()
    await v.page.keyboard.press('Enter')
    await row.waitFor({ state: 'detached' })
  }

  it('goes to the next row when its own is gone, to the last one after the last, to the heading after all', async () => {
    const names = ['a', 'b', 'c'].map((x) => fresh(`focus-${x}`))
    for (const n of names) await web.http.put(`users/${n}`, { password: 'p', tags: '' })
    const [a = '', b = '', c = ''] = names
    const v = await open(`#/users?q=focus-&sort=name`)
    await v.page.getByRole('link', { name: c }).waitFor()
    await remove(v, a, 'Delete user')
    await focusOn(v, `${b} Delete`)
    await remove(v, c, 'Delete user')
    await focusOn(v, `${b} Delete`)
    await remove(v, b, 'Delete user')
    await focusOn(v, 'Users')
  })

  it('goes to the next row when its own is gone before the question is answered', async () => {
    const [a, b] = [fresh('early-a'), fresh('early-b')]
    for (const n of [a, b]) await web.http.put(`users/${n}`, { password: 'p', tags: '' })
    const v = await open(`#/users?q=early-&sort=name`)
    const row = v.page.getByRole('row').filter({ hasText: a })
    await row.getByRole('button', { name: 'Delete' }).focus()
    await v.page.keyboard.press('Enter')
    await v.page.locator('dialog').waitFor()
    await web.http.delete(`users/${a}`)
    await row.waitFor({ state: 'detached' })
    expect(await v.page.evaluate('document.activeElement.closest("dialog") !== null')).toBe(true)
    await v.page.keyboard.press('Escape')
    await focusOn(v, `${b} Delete`)
    await web.http.delete(`users/${b}`)
  })

  it('stays in lists of rules, and where a button takes the place of another', async () => {
    const name = fresh('rules')
    await web.http.put(`users/${name}`, { password: 'p', tags: '' })
    for (const vhost of ['one', 'two']) {
      await web.http.put(`vhosts/${vhost}`, {})
      await web.http.put(`permissions/${vhost}/${name}`, { configure: '', write: '', read: '' })
    }
    const v = await open(`#/users/${name}`)
    const rules = v.page.getByRole('list', { name: 'Permissions', exact: true })
    const first = rules.getByRole('listitem').filter({ hasText: 'one' })
    await first.getByRole('button', { name: 'Remove' }).focus()
    await v.page.keyboard.press('Enter')
    await v.page.locator('dialog').getByRole('button', { name: 'Remove' }).focus()
    await v.page.keyboard.press('Enter')
    await first.waitFor({ state: 'detached' })
    await focusOn(v, 'two Remove')
    await web.http.delete(`users/${name}`)
    for (const vhost of ['one', 'two']) await web.http.delete(`vhosts/${vhost}`)
    const q = fresh('live')
    await web.http.put(`queues/%2F/${q}`)
    await v.page.evaluate(`location.hash = '#/queues/%2F/${q}?tab=live'`)
    await v.page.getByRole('button', { name: 'Watch' }).focus()
    await v.page.keyboard.press('Enter')
    await v.page.getByRole('button', { name: 'Stop' }).and(v.page.locator(':focus')).waitFor()
    await v.page.keyboard.press('Enter')
    await v.page.getByRole('button', { name: 'Watch' }).and(v.page.locator(':focus')).waitFor()
  })

  it('stays on the button at the end of a list that is turned page by page', async () => {
    const q = fresh('turn')
    await web.http.put(`queues/%2F/${q}`)
    for (let i = 0; i < 12; i++)
      await web.http.post('exchanges/%2F/amq.default/publish', {
        properties: {},
        routing_key: q,
        payload: `payload ${i}`,
        payload_encoding: 'string',
      })
    const v = await open(`#/queues/%2F/${q}?tab=messages`)
    const later = v.page.getByRole('button', { name: 'Later' })
    await later.focus()
    await v.page.keyboard.press('Enter')
    await v.see('payload 11')
    await v.page.locator('button[aria-disabled="true"]:focus', { hasText: 'Later' }).waitFor()
    await v.page.keyboard.press('Enter')
    await v.see('from 11')
  })

  it('stays where it was after a login that is refused', async () => {
    const v = await web.view()
    views.keep(v)
    await v.page.goto(web.base)
    await v.fill('User', 'guest')
    await v.fill('Password', 'wrong')
    await v.page.getByRole('button', { name: 'Log in' }).focus()
    await v.page.keyboard.press('Enter')
    await v.see('Login failed')
    await v.page.getByRole('button', { name: 'Log in' }).and(v.page.locator(':focus')).waitFor()
  })
})
