/** How a node authenticates to NATS. */
import { type Authenticator, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node'
import { readRegularFile } from '../util/regular-file.ts'

const SEED = /^\s*(SU[A-Z2-7]{56})\s*$/
/** Maximum octets of such a file: a larger one is something else. */
const BYTES_MAX = 1024 * 1024

/**
 * Authenticates with a file that contains a user's JWT and seed, as written by `nsc`, or the seed alone, if the server
 * knows the user by its nkey. The file is read for each connection, so it may be replaced while the node runs; while it
 * is away or incomplete, what it contained before is used, because the client would end for good.
 * @throws Error if the file cannot be read, or contains neither
 */
export function fromFile(path: string): Authenticator {
  let usable = readRegularFile(path, BYTES_MAX)
  const contents = usable.toString()
  if (!SEED.test(contents) && !contents.includes('BEGIN NATS USER JWT'))
    throw new Error(
      `${path} is not a NATS credentials file: it has neither a user JWT with its seed nor the seed of an nkey (SU...)`,
    )
  return (nonce) => {
    try {
      const found = readRegularFile(path, BYTES_MAX)
      const answer = authenticatorOf(found)(nonce)
      usable = found
      return answer
    } catch {
      return authenticatorOf(usable)(nonce)
    }
  }
}

function authenticatorOf(contents: Buffer): Authenticator {
  const seed = SEED.exec(contents.toString())?.[1]
  return seed === undefined ? credsAuthenticator(contents) : nkeyAuthenticator(Buffer.from(seed))
}

/** The credentials in the first address that has any: user and password, or a token. */
export function fromAddresses(
  urls: readonly string[],
): { readonly user: string; readonly pass: string } | { readonly token: string } | undefined {
  for (const u of urls) {
    const { username, password } = new URL(u)
    if (password !== '') return { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
    if (username !== '') return { token: decodeURIComponent(username) }
  }
  return undefined
}
