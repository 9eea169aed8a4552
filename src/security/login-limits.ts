/** Limits of the work for a login: passwords, and tokens with the keys that sign them. */

/** Octets of the signing keys that a URL returns: beyond, the URL counts as not answering, and tokens are refused. */
export const JWKS_BYTES_MAX = 1_048_576

/** Values in their JSON, some ten for each key: beyond, likewise, or the start fails if the keys are in a file. */
export const JWKS_VALUES_MAX = 10_000

/** Scopes of a token that grant rights in this broker: the token is refused beyond. */
export const SCOPES_MAX = 1_000

/** Threads that hash passwords, and concurrent checks of token signatures; further ones wait. */
export const PASSWORD_THREADS_MAX = 2

/** ms without a password to hash after which these threads end. */
export const PASSWORD_THREAD_IDLE_MS = 10_000

/** Logins that wait for their password's hash, some ten seconds of work, or their token's check: 506 or HTTP 503. */
export const LOGINS_WAITING_MAX = 400
