/** The page with shovels that move messages. */
import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useWeb } from '../support/browser.ts'
import { fresh } from '../support/target.ts'

const web = useWeb()

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
