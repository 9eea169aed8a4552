/**
 * Keeps a second process off a data folder. The lock is a listening socket in the folder: the kernel closes it however
 * the process dies, so a connection attempt tells a stale file from a live one.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, linkSync, openSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { listen } from '../../util/listen.ts'
import { StorageError } from '../storage.ts'

const LOCK_FILE = 'broker.lock'
const TRIES_MAX = 3

export interface FolderLock {
  release(): Promise<void>
}

/** @throws StorageError LOCKED */
export async function lockFolder(dir: string): Promise<FolderLock> {
  if (process.platform === 'win32') return lockPipe(dir)
  // A socket's path is limited to about a hundred octets; through the folder's descriptor it is short.
  const folder = openSync(dir, 'r')
  const base = process.platform === 'linux' ? `/proc/self/fd/${folder}` : dir
  const path = join(base, LOCK_FILE)
  const own = join(base, `${LOCK_FILE}.${randomBytes(6).toString('hex')}`)
  const server = await listenAt(own)
  const release = async (): Promise<void> => {
    rmSync(path, { force: true })
    await new Promise<void>((resolve) => server.close(() => resolve()))
    closeSync(folder)
  }
  try {
    await acquire(own, path, dir)
  } catch (error) {
    await new Promise<void>((resolve) => server.close(() => resolve()))
    closeSync(folder)
    throw error
  } finally {
    rmSync(own, { force: true })
  }
  return { release }
}

/** The link fails if a lock file exists, so only one of two processes succeeds. */
async function acquire(own: string, path: string, dir: string): Promise<void> {
  for (let i = 0; i < TRIES_MAX; i++) {
    try {
      linkSync(own, path)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (await isAlive(path)) break
    rmSync(path, { force: true })
  }
  throw new StorageError('LOCKED', `the data folder ${dir} is in use by another broker process`)
}

async function listenAt(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  await listen(server, { path })
  if (process.platform !== 'win32') chmodSync(path, 0o600)
  return server.unref()
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

async function lockPipe(dir: string): Promise<FolderLock> {
  const name = Buffer.from(dir.toLowerCase()).toString('hex').slice(-200)
  try {
    const server = await listenAt(`\\\\.\\pipe\\leveret-${name}`)
    return { release: () => new Promise((resolve) => server.close(() => resolve())) }
  } catch (cause) {
    throw new StorageError('LOCKED', `the data folder ${dir} is in use by another broker process`, cause)
  }
}
