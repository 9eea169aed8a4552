/** What anybody may ask for without a login is made once. */
import { expect, it, onTestFinished, vi } from 'vitest'
import { createBroker } from '../../src/index.ts'

it('the description of the API', async () => {
  const broker = await createBroker({ port: 0, managementPort: 0 })
  onTestFinished(() => broker.close())
  const made = vi.spyOn(JSON, 'stringify')
  onTestFinished(() => made.mockRestore())
  const url = `http://127.0.0.1:${broker.managementPort}/api/openapi.json`
  const [one, another] = [await (await fetch(url)).text(), await (await fetch(url)).text()]
  const descriptions = made.mock.calls.filter(([v]) => (v as { openapi?: unknown } | undefined)?.openapi)
  expect(descriptions.length).toBe(1)
  expect(one).toBe(another)
  expect(JSON.parse(one).openapi).toMatch(/^3/)
})
