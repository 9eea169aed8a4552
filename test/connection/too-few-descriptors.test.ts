/** A broker that may open too few files: it says so in one line, and does not look like one that works. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { DESCRIPTORS_MIN } from '../../src/limits.ts'
import { startChild } from '../support/children.ts'
import { testFolder } from '../support/folder.ts'

async function start(limit: number): Promise<{ code: number; out: string; err: string }> {
  const ports = '--port 0 --management-port 0 --metrics-port 0'
  const command = `exec ${process.execPath} bin/leveret.js start ${ports} --data-dir ${testFolder('few')}`
  const child = startChild('sh', ['-c', `ulimit -n ${limit}; ${command}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'exit'),
  ])
  return { code, out, err }
}

it.each([28, 35, 46, DESCRIPTORS_MIN - 1])('a limit of %i ends the start with 78', async (limit) => {
  expect(await start(limit)).toEqual({
    code: 78,
    out: '',
    err:
      `leveret: the process may open ${limit} files and sockets, and the broker needs ${DESCRIPTORS_MIN}: ` +
      'raise the limit (ulimit -n, or LimitNOFILE= of systemd)\n',
  })
})
