/** The control socket of a node whose data folder is made later, as that of a new node of a cluster. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { ManagedNode } from '../../src/management/managed-node.ts'
import { Endpoints } from '../../src/node/endpoints.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { silent } from '../../src/util/logger.ts'

it.skipIf(process.platform === 'win32')(
  'is there at once, in a folder that is its owner’s alone',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-control-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const dataDir = join(dir, 'new', 'data')
    const settings = { ...defaultSettings, management: [], metrics: [], dataDir }
    const listeners = { descriptors: new Descriptors(silent) }
    const endpoints = new Endpoints({ settings, listeners, logger: silent } as unknown as ManagedNode)
    await endpoints.open()
    onTestFinished(() => endpoints.close())
    expect(statSync(join(dataDir, 'control.sock')).isSocket()).toBe(true)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  },
)
