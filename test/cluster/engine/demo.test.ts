/** `npm run cluster:demo`: ready by itself, survives what it invites to, and leaves nothing behind. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import amqp from 'amqplib'
import { expect, it, onTestFinished } from 'vitest'
import { startChild } from '../../support/children.ts'
import { NATS_SERVER } from '../../support/nats.ts'
import { until } from '../../support/until.ts'

/** Signal 0 asks whether the process is there. */
function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it.each(['SIGINT', 'SIGTERM'] as const)('shows a failover, and goes away cleanly at %s', async (signal) => {
  const demo = startChild(process.execPath, ['bin/cluster-demo.js'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NATS_SERVER },
  })
  onTestFinished(() => void demo.kill('SIGTERM'))
  const ended = new Promise((resolve) => demo.once('exit', resolve))
  let said = ''
  demo.stdout?.on('data', (b) => {
    said += b
  })
  await until(() => said.includes('Ctrl-C ends everything'), 'the demonstration to be ready')

  const urls = [...said.matchAll(/^ {2}[abc] {2}(amqp:\S+) {2}http:\S+ {2}pid \d+$/gm)].map(
    (m) => m[1] as string,
  )
  expect(urls).toHaveLength(3)
  const pids = [...said.matchAll(/pid (\d+)/g)].map((m) => Number(m[1]))
  expect([pids.length, pids.every(runs)]).toEqual([6, true])
  const folder = dirname(/--data-dir (\S+)/.exec(said)?.[1] ?? '')
  expect(existsSync(folder)).toBe(true)
  for (const what of ['status', 'promote']) expect(said).toContain(`leveret.js cluster ${what} `)

  for (const url of urls) {
    const c = await amqp.connect(url)
    await (await c.createChannel()).assertQueue('q')
    await c.close()
  }
  const [, pid, node] = /kill -9 (\d+) +node ([abc])/.exec(said) ?? []
  process.kill(Number(pid), 'SIGKILL')
  await until(() => said.includes(`${node} has ended (SIGKILL)`), 'its end to be told')
  await until(
    () => new RegExp(`node (?!${node})[abc] serves clients\\n$`).test(said),
    'another one to take over',
  )

  demo.kill(signal)
  expect(await ended).toBe(0)
  expect([pids.filter(runs), existsSync(folder)]).toEqual([[], false])
})
