/** The page on brokers that have more than most: shovels that move messages, and clusters whose nodes come and go. */
import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCluster } from '../../src/index.ts'
import { useWeb, type View } from '../support/browser.ts'
import { fresh } from '../support/target.ts'

const web = useWeb()

async function logIn(v: View, base: string, hash: string): Promise<void> {
  await v.page.goto(`${base}/${hash}`)
  await v.fill('User', 'guest')
  await v.fill('Password', 'guest')
  await v.click('button', 'Log in')
}

describe('a shovel', () => {
  it('is made on the page, moves messages, is restarted and deleted', async () => {
    const [from, to, name] = [fresh('from'), fresh('to'), fresh('shovel')]
    for (const q of [from, to]) await web.http.put(`queues/%2F/${q}`, {})
    const v = await web.open('#/shovels')
    await v.fill('Name', name)
    await v.fill('From queue', from)
    await v.fill('Its name there', to)
    await v.click('button', 'Add shovel')
    const row = v.page.getByRole('row').filter({ hasText: name })
    await row.getByText('running').waitFor()
    await row.getByText(`${from} at amqp://`).waitFor()
    const c = await connect(web.broker.url)
    onTestFinished(() => c.close())
    const ch = await c.createConfirmChannel()
    ch.sendToQueue(from, Buffer.from('moved'))
    await ch.waitForConfirms()
    await web.broker.waitForQueue(to, { ready: 1 })
    await row.getByRole('button', { name: 'Restart' }).click()
    await v.click('button', 'Restart')
    await v.see(`${name} is restarted.`)
    await row.getByText('running').waitFor()
    await row.getByRole('button', { name: 'Delete' }).click()
    await v.click('button', 'Delete shovel')
    await row.waitFor({ state: 'detached' })
    await web.broker.waitForQueue(from, { consumers: 0 })
    expect(v.complaints).toEqual([])
    await v.close()
  })

  it('that cannot reach its other end says so', async () => {
    const [from, name] = [fresh('from'), fresh('shovel')]
    await web.http.put(`queues/%2F/${from}`, {})
    const v = await web.open('#/shovels')
    await v.fill('Name', name)
    await v.fill('From queue', from)
    await v.fill('To address', 'amqp://nobody:wrong@127.0.0.1:1')
    await v.fill('Its name there', 'x')
    await v.click('button', 'Add shovel')
    const row = v.page.getByRole('row').filter({ hasText: name })
    const state = row.locator('.badge[title*="ECONNREFUSED"]')
    await state.waitFor()
    expect(await v.page.content()).not.toContain('nobody:wrong')
    await row.getByRole('button', { name: 'Delete' }).click()
    await v.click('button', 'Delete shovel')
    await row.waitFor({ state: 'detached' })
    await v.close()
  })
})

describe('a cluster', () => {
  it('is the same from each node, is switched on the page, and forgets a node', async () => {
    // The browser is started meanwhile, and nobody is to take over because of that.
    const cluster = await createCluster({ failoverAfter: 3000, management: true })
    onTestFinished(() => cluster.close())
    const standby = cluster.nodes.find((n) => !n.active)
    const third = cluster.nodes.find((n) => !n.active && n !== standby)
    if (standby === undefined || third === undefined) throw new Error('two standbys')
    const base = `http://127.0.0.1:${standby.managementPort}`
    const v = await web.view({ base })
    await logIn(v, base, '#/cluster')
    const row = (name: string) => v.page.getByRole('row').filter({ hasText: name })
    for (const n of cluster.nodes)
      await row(n.name)
        .getByText(n.active ? 'active' : 'standby')
        .first()
        .waitFor()
    await row(standby.name).getByRole('button', { name: 'Promote' }).click()
    await v.see(/All clients lose their connections/)
    await v.click('button', 'Promote')
    await row(standby.name).getByText('active', { exact: true }).waitFor()
    expect(cluster.active?.name).toBe(standby.name)
    await cluster.kill(third.name)
    await row(third.name).getByRole('button', { name: 'Forget' }).click()
    await v.see(/will not be waited for any more/)
    await v.click('button', 'Forget')
    await row(third.name).waitFor({ state: 'detached' })
    expect(v.complaints).toEqual([])
    await v.close()
  })
})
