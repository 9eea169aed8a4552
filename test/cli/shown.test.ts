/** What a terminal gets to see of names that contain control characters. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { ctl } from '../../src/cli/ctl/ctl.ts'
import { Progress } from '../../src/cli/migrate/progress.ts'

const NAME = 'a\x1b[2J\x07\r\x9b1mü\tz'
const SHOWN = 'a\\x1b[2J\\x07\\x0d\\x9b1mü\tz'

/** Runs a command whose output is that of this process. */
async function printed(isTTY: boolean): Promise<string> {
  const server = createServer((r, response) => {
    const isList = r.url?.startsWith('/api/queues') === true
    response.writeHead(isList ? 200 : 400, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isList ? [{ name: NAME }] : { reason: NAME }))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  let text = ''
  const undo = [process.stdout, process.stderr].map((stream) => {
    const before = Object.getOwnPropertyDescriptor(stream, 'isTTY')
    Object.defineProperty(stream, 'isTTY', { value: isTTY, configurable: true })
    const spy = vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      text += chunk
      return true
    })
    return (): void => {
      spy.mockRestore()
      if (before === undefined) delete (stream as { isTTY?: boolean }).isTTY
      else Object.defineProperty(stream, 'isTTY', before)
    }
  })
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await ctl(['list_queues', 'name', '-s', '--url', url])
    await ctl(['list_users', '-s', '--url', url])
  } finally {
    for (const u of undo) u()
  }
  return text
}

it('a terminal does not obey what is in names and reasons', async () => {
  expect(await printed(true)).toBe(`${SHOWN}\nError:\n${SHOWN}\n`)
})

it('programs get them as they are', async () => {
  expect(await printed(false)).toBe(`${NAME}\nError:\n${NAME}\n`)
})

it('the progress of a migration stays on its line', () => {
  const written: string[] = []
  const progress = new Progress({ isTTY: true, columns: 200, write: (s) => written.push(s) }, 0)
  progress.show(1, 1, 2, `x\n${NAME}`)
  const [line = ''] = written
  expect([written.length, line.lastIndexOf('\r'), line.lastIndexOf('\x1b'), line.indexOf('\n')]).toEqual([
    1, 0, 1, -1,
  ])
  expect(line).toContain(`waiting for x ${SHOWN}`)
})
