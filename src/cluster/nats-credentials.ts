/** How a node authenticates to NATS. */
import { readFileSync } from 'node:fs'
import { type Authenticator, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node'

const SEED = /^\s*(SU[A-Z2-7]{56})\s*$/

/**
 * Authenticates with a file that contains a user's JWT and seed, as written by `nsc`, or the seed alone, if the server
 * knows the user by its nkey. The file is read for each connection, so it may be replaced while the node runs.
 * @throws Error if the file cannot be read, or contains neither
 */
export function fromFile(path: string): Authenticator {
  const creds = credsAuthenticator(() => readFileSync(path))
  const nkey = nkeyAuthenticator(() => Buffer.from(seedIn(path) ?? ''))
  const choose = (): Authenticator => (seedIn(path) === undefined ? creds : nkey)
  const contents = readFileSync(path, 'utf8')
  if (!SEED.test(contents) && !contents.includes('BEGIN NATS USER JWT'))
    throw new Error(
      `${path} is not a NATS credentials file: it has neither a user JWT with its seed nor the seed of an nkey (SU...)`,
    )
  return (nonce) => choose()(nonce)
}

function seedIn(path: string): string | undefined {
  return SEED.exec(readFileSync(path, 'utf8'))?.[1]
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
