/**
 * Password hashes: RabbitMQ's salted ones, which any RabbitMQ can read, and scrypt. A stored hash is kept until the
 * password is changed, so that users can still log in after a move back to RabbitMQ (for the reasons see
 * docs/security.md).
 */
import { createHash, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { passwordPool } from './hash-pool.ts'

export interface PasswordHash {
  readonly hash: string
  readonly algorithm: string
}

export const SHA256 = 'rabbit_password_hashing_sha256'
const SHA512 = 'rabbit_password_hashing_sha512'
const MD5 = 'rabbit_password_hashing_md5'
export const SCRYPT = 'leveret_scrypt'

const digests: Record<string, string> = { [SHA256]: 'sha256', [SHA512]: 'sha512', [MD5]: 'md5' }
const SALT_BYTES = 4
const RANDOM_PASSWORD_BYTES = 24
const SCRYPT_SALT_BYTES = 16
const SCRYPT_BYTES = 32
/** The cost parameters of scrypt: fixed for all hashes, stored ones included. Tests lower them. */
export const scryptCost = { N: 16_384, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

export function isKnownAlgorithm(algorithm: string): boolean {
  return algorithm === SCRYPT || Object.hasOwn(digests, algorithm)
}

/** Base64 of a four-octet salt and the digest of salt and password (behaviour.md section 15). */
export function rabbitHash(
  password: string,
  algorithm = SHA256,
  salt = randomBytes(SALT_BYTES),
): PasswordHash {
  const digest = createHash(digests[algorithm] as string)
    .update(salt)
    .update(password)
    .digest()
  return { hash: Buffer.concat([salt, digest]).toString('base64'), algorithm }
}

/** Computed in a dedicated thread; any number of requests may wait. @param address as in `HashPool.hash` */
export async function scryptHash(
  password: string,
  salt = randomBytes(SCRYPT_SALT_BYTES),
  address = '',
): Promise<PasswordHash> {
  const request = { password, salt, octets: SCRYPT_BYTES, options: scryptCost }
  const key = await passwordPool.hash(request, address)
  return { hash: Buffer.concat([salt, key]).toString('base64'), algorithm: SCRYPT }
}

/** Algorithms for new passwords; MD5 hashes can only be verified. */
export const newPasswordAlgorithms = [SHA256, SHA512, SCRYPT] as const
export type NewPasswordAlgorithm = (typeof newPasswordAlgorithms)[number]

/** Hashes a new password for storage. */
export async function newPasswordHash(password: string, how: NewPasswordAlgorithm): Promise<PasswordHash> {
  return how === SCRYPT ? await scryptHash(password) : rabbitHash(password, how)
}

/** Synchronous variant, which blocks for tens of milliseconds with scrypt: for the start and the creation of vhosts. */
export function newPasswordHashSync(password: string, how: NewPasswordAlgorithm): PasswordHash {
  if (how !== SCRYPT) return rabbitHash(password, how)
  const salt = randomBytes(SCRYPT_SALT_BYTES)
  const key = scryptSync(password, salt, SCRYPT_BYTES, scryptCost)
  return { hash: Buffer.concat([salt, key]).toString('base64'), algorithm: SCRYPT }
}

/**
 * Does the same work for every password and every kind of hash, and also for an unknown user, so that the response time
 * reveals nothing. A memory-hard hash is computed and discarded even if the stored one is not memory-hard.
 * @param stored undefined if the user does not exist
 * @param address as in `HashPool.hash`
 */
export async function passwordMatches(
  password: string,
  stored: PasswordHash | undefined,
  address = '',
): Promise<boolean> {
  const { hash, algorithm } = stored ?? { hash: '', algorithm: SCRYPT }
  const bytes = Buffer.from(hash, 'base64')
  const isScrypt = algorithm === SCRYPT
  const saltBytes = isScrypt ? SCRYPT_SALT_BYTES : SALT_BYTES
  // An empty or short hash marks a user who cannot log in with a password.
  const usable = bytes.length > saltBytes && isKnownAlgorithm(algorithm)
  const salt = bytes.subarray(0, saltBytes)
  const scrypt = await scryptHash(password, usable && isScrypt ? salt : undefined, address)
  const quick = usable && !isScrypt ? rabbitHash(password, algorithm, salt) : rabbitHash(password)
  const computed = Buffer.from((isScrypt ? scrypt : quick).hash, 'base64')
  const equal = computed.length === bytes.length && timingSafeEqual(computed, bytes)
  return usable && equal
}

/** Makes a password that nobody knows, for use until another one is set. */
export function randomPassword(): string {
  return randomBytes(RANDOM_PASSWORD_BYTES).toString('base64url')
}
