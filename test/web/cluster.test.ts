/** The page of a cluster whose nodes come and go, opened at a standby. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCluster, type TestCluster, type TestNode } from '../../src/index.ts'
import { useViews, useWeb, type View } from '../support/browser.ts'
import { until } from '../support/until.ts'

const web = useWeb()
const views = useViews(web)

interface Found {
  readonly cluster: TestCluster
  readonly standby: TestNode
  readonly third: TestNode
}

async function start(): Promise<Found> {
  // Nobody is to take over because the machine is busy for a moment.
  const cluster = await createCluster({ failoverAfter: 5000, management: true })
  onTestFinished(() => cluster.close())
  const [standby, third] = cluster.nodes.filter((n) => !n.active)
  if (standby === undefined || third === undefined) throw new Error('two standbys')
  return { cluster, standby, third }
}

async function open({ managementPort }: TestNode, hash: string): Promise<View> {
  const base = `http://127.0.0.1:${managementPort}`
  const v = views.keep(await web.view({ base }))
  await v.page.goto(`${base}/${hash}`)
  await v.fill('User', 'guest')
  await v.fill('Password', 'guest')
  await v.click('button', 'Log in')
  return v
}

const CUT = `[...document.querySelectorAll('tbody td')]
  .filter((cell) => cell.scrollWidth > cell.clientWidth)
  .map((cell) => cell.textContent)`

describe('a cluster', () => {
  it('is the same from each node, is switched on the page, and forgets a node', async () => {
    const { cluster, standby, third } = await start()
    const v = await open(standby, '#/cluster')
    const row = (name: string) => v.page.getByRole('row').filter({ hasText: name })
    for (const n of cluster.nodes)
      await row(n.name)
        .getByText(n.active ? 'active' : 'standby', { exact: true })
        .first()
        .waitFor()
    // No badge is wider than its column.
    expect(await v.page.evaluate(CUT)).toEqual([])
    await row(standby.name).getByRole('button', { name: 'Promote' }).click()
    await v.see(/All clients lose their connections/)
    await v.click('button', 'Promote')
    await row(standby.name).getByText('active', { exact: true }).waitFor()
    await until(() => cluster.active?.name === standby.name, 'the new active node')
    await cluster.kill(third.name)
    await row(third.name).getByRole('button', { name: 'Forget' }).click()
    await v.see(/will not be waited for any more/)
    await v.click('button', 'Forget')
    await row(third.name).waitFor({ state: 'detached' })
  })

  it('does not log out whom a standby does not know yet', async () => {
    const { standby } = await start()
    const v = await open(standby, '#/queues')
    await v.page.route('**/api/cluster/status', (r) =>
      r.fulfill({ status: 401, json: { error: 'not_authorized', reason: 'Login failed' } }),
    )
    const asked = v.page.waitForResponse('**/api/whoami')
    await v.page.evaluate('location.hash = "#/cluster"')
    await asked
    await v.see('Login failed')
    await v.page.unroute('**/api/cluster/status')
    await v.page.getByRole('row').filter({ hasText: standby.name }).waitFor()
    expect(await v.page.getByLabel('Password').count()).toBe(0)
  })
})
