/** The health check of certificates reads their files again, which may be others by then, or none. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { testFolder } from '../support/folder.ts'
import { RunningNode } from '../support/running-node.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)

it('names the file that it cannot read', async () => {
  const certfile = join(testFolder('certificate-check'), 'server.pem')
  copyFileSync(at('server.pem'), certfile)
  const bind = '127.0.0.1'
  const tls = { certfile, keyfile: at('server.key') }
  const settings = { listeners: [{ port: 0, bind, tls }], management: [{ port: 0, bind }] }
  const node = await RunningNode.start({ ...defaultSettings, ...settings }, oneForAll(silent))
  onTestFinished(() => node.close())
  const check = async (within: string): Promise<{ status: number; json: Record<string, unknown> }> => {
    const url = `http://${bind}:${node.managementPort}/api/health/checks/certificate-expiration/${within}`
    const r = await fetch(url, { headers: { authorization: `Basic ${btoa('guest:guest')}` } })
    return { status: r.status, json: (await r.json()) as Record<string, unknown> }
  }
  expect(await check('0/days')).toEqual({ status: 200, json: { status: 'ok' } })
  expect((await check('1000/years')).json).toMatchObject({
    reason: 'Certificates expiring',
    expired: [{ certfile }],
  })
  for (const damage of [
    () => writeFileSync(certfile, readFileSync(at('server.key'))),
    () => rmSync(certfile),
  ]) {
    damage()
    expect(await check('0/days')).toMatchObject({
      status: 503,
      json: { status: 'failed', unreadable: [{ port: 0, certfile, error: expect.any(String) }], expired: [] },
    })
  }
})
