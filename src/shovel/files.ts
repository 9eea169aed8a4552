/** Reads the files named in a URI. Such a name may lead to a device or a pipe, which never ends. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import { clientKeyExchange } from '../util/key-exchange.ts'
import { LINK_FILE_BYTES_MAX } from './link-limits.ts'
import type { AddressTls } from './uri.ts'

/** @throws the error of the file */
export async function connectionOptions(tls: AddressTls): Promise<ConnectionOptions> {
  const { cacertfile, certfile, keyfile, passphrase, servername, rejectUnauthorized } = tls
  return {
    ...clientKeyExchange(),
    ca: await contentOf(cacertfile),
    cert: await contentOf(certfile),
    key: await contentOf(keyfile),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    rejectUnauthorized,
  }
}

async function contentOf(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  // A blocking open of a pipe without a writer would occupy one of the threads that read files.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`)
    if (stat.size > LINK_FILE_BYTES_MAX)
      throw new Error(`${path} is larger than ${LINK_FILE_BYTES_MAX} octets`)
    const content = Buffer.alloc(stat.size)
    const { bytesRead } = await file.read(content, 0, content.length, 0)
    return content.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
