/** The control socket of a node whose data folder is made later, as that of a new node of a cluster. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { HTTP_PIECE_BYTES } from '../../src/limits.ts'
import { ControlSocket } from '../../src/management/control-socket.ts'
import type { ManagedNode } from '../../src/management/managed-node.ts'
import { Endpoints } from '../../src/node/endpoints.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { silent } from '../../src/util/logger.ts'
import { until } from '../support/until.ts'

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

it.skipIf(process.platform === 'win32')(
  'has few requests of a connection handled at a time, however many come at once',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-control-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const path = join(dir, 'control.sock')
    const open: ServerResponse[] = []
    let came = 0
    const handle = async (_: unknown, response: ServerResponse): Promise<void> => {
      came++
      open.push(response)
    }
    const socket = await ControlSocket.open(path, handle, new Descriptors(silent))
    onTestFinished(() => socket.close())
    const client = (): Socket => {
      const s = connect(path)
      onTestFinished(() => void s.destroy())
      return s
    }
    const request = 'GET /api/queues HTTP/1.1\r\nHost: x\r\n\r\n'
    const many = client()
    many.write(request.repeat(500))
    await until(() => came > 0)
    // Another one has had its turn meanwhile.
    const before = came
    client().write(request)
    await until(() => came > before)
    // As many as are in one piece for the parser.
    expect(came).toBeLessThan(HTTP_PIECE_BYTES / request.length + 2)
    const some = came
    for (const response of open) response.end()
    await until(() => came > some)
  },
)
