/** Users and virtual hosts on the page: rights, limits, and what is said to those who may not. */
import { describe, expect, it } from 'vitest'
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
const exists = async (path: string): Promise<boolean> => (await web.http.get(path)).status === 200

describe('users and virtual hosts', () => {
  it('are made, given rights, and deleted', async () => {
    const v = await open('#/users')
    await v.fill('Name', 'ann')
    await v.fill('Password', 'p')
    await v.choose('This page', 'monitoring')
    await v.click('button', 'Add user')
    await v.click('link', 'ann')
    await v.page.getByRole('list', { name: 'Permissions', exact: true }).getByText('configure').waitFor()
    await v.page.getByLabel('Write', { exact: true }).fill('^ann-')
    await v.click('button', 'Set permission')
    await v.see('^ann-')
    await v.page.getByLabel('Write keys').fill('^ok$')
    await v.click('button', 'Set topic permission')
    await v.see('^ok$')
    await v.choose('Limit', 'max-channels')
    await v.fill('At most', '7')
    await v.click('button', 'Set limit')
    await v.see('at most 7')
    await until(async () => (await web.http.get('user-limits/ann')).json[0]?.value['max-channels'] === 7)
    await v.fill('New password', 'better')
    await v.fill('Tags', 'management')
    await v.click('button', 'Change')
    await v.see('Changed.')
    expect((await web.http.get('whoami', 'ann:better')).json.tags).toEqual(['management'])
    for (const text of [/may do nothing/, /are not limited/, /has no limit of channels any more/]) {
      await v.click('button', 'Remove')
      await v.see(text)
      await v.click('button', 'Remove')
      await v.page.locator('dialog').waitFor({ state: 'detached' })
    }
    await v.click('button', 'Delete')
    await v.see(/loses all permissions and, at once, all connections/)
    await v.click('button', 'Delete user')
    await until(async () => !(await exists('users/ann')))
  })

  it('are refused with the reason where the user may not', async () => {
    await web.http.put('users/low', { password: 'low', tags: 'management' })
    await web.http.put('permissions/%2F/low', { configure: '', write: '', read: '.*' })
    const users = await open('#/users', 'low')
    await users.see('Not administrator user')
    expect(await users.page.getByText('Reading …').count()).toBe(0)
    await users.close()
    const q = await queue()
    const v = await open(`#/queues/%2F/${q}`, 'low')
    expect(await v.page.getByRole('link', { name: 'Users' }).count()).toBe(0)
    await v.click('button', 'Delete')
    await v.click('button', 'Delete queue')
    await v.see(/configure access to queue .* refused for user 'low'/)
    await v.page.keyboard.press('Escape')
    await v.page.locator('dialog').waitFor({ state: 'detached' })
    await v.click('link', 'Publish')
    await v.click('button', 'Publish')
    await v.see(/write access to exchange 'amq.default' in vhost '\/' refused for user 'low'/)
    expect(await exists(`queues/%2F/${q}`)).toBe(true)
  })

  it('a user who is gone, or whom one may not see, is not shown as one without rights', async () => {
    await web.http.put('users/brief', { password: 'p', tags: '' })
    const v = await open('#/users/brief')
    await v.see('None: this user can connect to no virtual host.')
    await web.http.delete('users/brief')
    await v.see('Not Found')
    expect(await v.page.getByRole('button', { name: 'Set permission' }).count()).toBe(0)
    await web.http.put('users/brief', { password: 'p', tags: 'management' })
    await v.click('button', 'Delete')
    await v.click('button', 'Delete user')
    await v.see('Add a user')
    await v.close()
    await web.http.put('users/brief', { password: 'brief', tags: 'monitoring' })
    const low = await open('#/users/guest', 'brief')
    await low.see('Not administrator user')
    expect(await low.page.getByRole('button', { name: 'Set permission' }).count()).toBe(0)
    await web.http.delete('users/brief')
  })

  it('a virtual host has limits, a description, tracing and a list of who may use it', async () => {
    await web.http.put('vhosts/stock', {})
    const v = await open('#/vhosts')
    await v.click('link', 'stock')
    await v.page
      .getByRole('list', { name: 'Permissions', exact: true })
      .getByRole('link', { name: 'guest' })
      .waitFor()
    await v.choose('Limit', 'max-queues')
    await v.fill('At most', '1')
    await v.click('button', 'Set limit')
    await v.see('at most 1')
    await web.http.put('queues/stock/one', {})
    expect((await web.http.put('queues/stock/two', {})).json.reason).toMatch(/queue limit/)
    await v.click('button', 'Remove')
    await v.see('The virtual host stock has no limit of queues any more.')
    await v.click('button', 'Remove')
    await v.see('None.')
    await v.click('button', 'Start tracing')
    await v.see('Tracing is on.')
    await v.fill('Description', 'what is in stock')
    await v.click('button', 'Change')
    await v.see('Changed.')
    const { json } = await web.http.get('vhosts/stock')
    expect(json).toMatchObject({ tracing: true, description: 'what is in stock' })
    await v.click('button', 'Stop tracing')
    await v.see('Tracing is off.')
    await v.click('button', 'Delete')
    await v.click('button', 'Delete virtual host')
    await until(async () => !(await exists('vhosts/stock')))
    await v.see('Add a virtual host')
    expect(v.complaints).toEqual([])
  })

  it('a virtual host that is gone meanwhile is not shown, nor made again by a change', async () => {
    await web.http.put('vhosts/brief', {})
    const v = await open('#/vhosts/brief')
    await v.see('Start tracing')
    await web.http.delete('vhosts/brief')
    await v.see('Not Found')
    expect(await v.page.getByRole('button', { name: 'Start tracing' }).count()).toBe(0)
    await v.page.getByRole('heading', { name: 'brief' }).waitFor()
  })

  it('a virtual host says what goes with it', async () => {
    const v = await open('#/vhosts')
    await v.fill('Name', 'orders')
    await v.click('button', 'Add virtual host')
    const row = v.page.getByRole('row').filter({ hasText: 'orders' })
    await row.getByRole('button', { name: 'Delete' }).click()
    await v.see(/with all its queues and exchanges/)
    await v.click('button', 'Delete virtual host')
    await until(async () => !(await exists('vhosts/orders')))
  })
})

describe('who may not', () => {
  it.each([
    ['management', '#/users', 'Add a user', /Not administrator user/],
    ['policymaker', '#/users', 'Add a user', /Not administrator user/],
    ['management', '#/policies', 'Add a policy', /policies/],
    ['management', '#/vhosts', 'Add a virtual host', /virtual host/],
    ['policymaker', '#/shovels', 'Add a shovel', /./],
  ])('%s, sees at %s no form “%s” that would be refused', async (tag, hash, form, said) => {
    const name = fresh('may-not')
    await web.http.put(`users/${name}`, { password: name, tags: tag })
    await web.http.put(`permissions/%2F/${name}`, { configure: '.*', write: '.*', read: '.*' })
    const v = await open(hash, name)
    await v.page.locator('main .failure, main .grid, main .empty').getByText(said).first().waitFor()
    const refused = await v.page.locator('main .failure').count()
    const forms = await v.page.getByRole('heading', { name: form }).count()
    // A policymaker may set shovels where they may see them.
    expect([refused > 0 && forms > 0, forms > 0 && tag === 'management']).toEqual([false, false])
    await web.http.delete(`users/${name}`)
  })
})
