/** What a broker says on which nothing is yet: programs for newcomers, with its own address, that run as they stand there. */
import { describe, expect, it } from 'vitest'
import { useViews, useWeb } from '../support/browser.ts'
import { startChild } from '../support/children.ts'

const web = useWeb()
const views = useViews(web)

describe('a broker without queues', () => {
  it('shows on the overview and in the list of queues how to connect from six languages', async () => {
    const v = await views.open('#/')
    for (const hash of ['#/', '#/queues']) {
      await v.page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
      await v.page.getByRole('heading', { name: hash === '#/' ? /leveret@/ : 'Queues' }).waitFor()
      const program = v.page.locator('.program pre')
      for (const [language, part] of [
        ['Python', 'import pika'],
        ['JavaScript', "import amqp from 'amqplib'"],
        ['Go', 'amqp.Dial'],
        ['Java', 'ConnectionFactory()'],
        ['Ruby', "require 'bunny'"],
        ['C#', 'CreateConnectionAsync'],
      ] as const) {
        await v.page.getByRole('tab', { name: language, exact: true }).click()
        await program.getByText(part).waitFor()
        expect(await program.textContent()).toContain(`${web.broker.url}/`)
      }
      expect(await v.page.locator('.address').textContent()).toBe(`${web.broker.url}/`)
    }
  })

  it('shows a program that does what it says', async () => {
    const v = await views.open('#/queues')
    await v.page.getByRole('tab', { name: 'JavaScript' }).click()
    const program = (await v.page.locator('.program pre').textContent()) ?? ''
    const child = startChild(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout?.on('data', (b) => {
      said += b
    })
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0)
    expect(said).toBe('Hello, world\n')
    await v.page.getByRole('link', { name: 'hello' }).waitFor()
  })
})
