/** What the node says of its process. */
import { closeSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openFiles } from '../../src/management/node-numbers.ts'

describe.runIf(process.platform === 'linux')('the number of open files', () => {
  it('counts each descriptor of the process', () => {
    const before = openFiles()
    const opened = Array.from({ length: 50 }, () => openSync('/dev/null', 'r'))
    try {
      expect(openFiles()).toBe(before + opened.length)
    } finally {
      for (const fd of opened) closeSync(fd)
    }
    expect(openFiles()).toBe(before)
  })
})
