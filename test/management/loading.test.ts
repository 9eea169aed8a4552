/** The HTTP API is loaded behind its open port: a failure is told to whoever asked, and is not the end of it. */
import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { Application } from '../../src/management/application.ts'
import { ManagementServer } from '../../src/management/server.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'

const HOST = '127.0.0.1'

/** Asks once with a body, by which everything is loaded that takes part, and says whether that was fetch of Node's. */
const PROGRAM = `
import { request } from 'node:http'
import { createBroker } from 'leveret'
const { managementPort: port, close } = await createBroker({ port: 0, managementPort: 0 })
const headers = { authorization: 'Basic ' + btoa('guest:guest'), 'content-type': 'application/json', connection: 'close' }
const options = { host: '127.0.0.1', port, path: '/api/queues/%2F/q', method: 'PUT', headers }
const r = await new Promise((resolve) => request(options, resolve).end('{"durable":true}'))
await close()
process.stdout.write(r.statusCode + ' ' + process.moduleLoadList.some((m) => m.includes('undici')))`

describe('the HTTP API', () => {
  it('does not load fetch, which takes 40 ms in one piece', () => {
    const args = ['--input-type=module', '-e', PROGRAM]
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('201 false')
  })

  it('is loaded with the first client, before it asks', async () => {
    const settings = { ...defaultSettings, listeners: [{ port: 0, bind: HOST }], management: [], metrics: [] }
    const { node } = await RunningNode.start(settings, oneForAll(silent))
    onTestFinished(() => node.close())
    let loads = 0
    const loaded = new Promise<void>((resolve) => {
      const server = new ManagementServer(node, settings.http, (s) => {
        loads++
        resolve()
        return Application.make(s)
      })
      onTestFinished(() => server.close())
      server.listen(0, HOST).then(({ port }) => {
        expect(loads).toBe(0)
        const client = connect(port, HOST)
        onTestFinished(() => void client.destroy())
      })
    })
    await loaded
    expect(loads).toBe(1)
  })

  it('that cannot be loaded answers 503, and is loaded with a later request', async () => {
    const settings = { ...defaultSettings, listeners: [{ port: 0, bind: HOST }], management: [], metrics: [] }
    const { node } = await RunningNode.start(settings, oneForAll(silent))
    onTestFinished(() => node.close())
    let canLoad = false
    const server = new ManagementServer(node, settings.http, (s) =>
      canLoad ? Application.make(s) : Promise.reject(new Error('EMFILE')),
    )
    onTestFinished(() => server.close())
    const { port } = await server.listen(0, HOST)
    const ask = async (): Promise<[number, unknown]> => {
      const r = await fetch(`http://${HOST}:${port}/api/whoami`, {
        headers: { authorization: `Basic ${btoa('guest:guest')}` },
      })
      return [r.status, await r.json()]
    }
    for (let i = 0; i < 2; i++)
      expect(await ask()).toEqual([503, expect.objectContaining({ error: 'unavailable' })])
    canLoad = true
    expect(await ask()).toEqual([200, expect.objectContaining({ name: 'guest' })])
  })
})
