/**
 * Password hashes: RabbitMQ's salted ones, which definitions files carry, and scrypt, which is what is stored. A login
 * with one of the former is the occasion to replace it.
 */
import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

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
const SCRYPT_OPTIONS: ScryptOptions = { N: 16_384, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

export function isKnownAlgorithm(algorithm: string): boolean {
  return algorithm === SCRYPT || Object.hasOwn(digests, algorithm)
}

/** Base64 of four octets of salt and the digest of salt and password (behaviour.md section 15). */
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

/** Off the event loop. */
export async function scryptHash(
  password: string,
  salt = randomBytes(SCRYPT_SALT_BYTES),
): Promise<PasswordHash> {
  const key = await new Promise<Buffer>((resolve, reject) =>
    scrypt(password, salt, SCRYPT_BYTES, SCRYPT_OPTIONS, (error, k) => (error ? reject(error) : resolve(k))),
  )
  return { hash: Buffer.concat([salt, key]).toString('base64'), algorithm: SCRYPT }
}

export async function passwordMatches(password: string, stored: PasswordHash): Promise<boolean> {
  const bytes = Buffer.from(stored.hash, 'base64')
  const isScrypt = stored.algorithm === SCRYPT
  const saltBytes = isScrypt ? SCRYPT_SALT_BYTES : SALT_BYTES
  // A hash that is empty or too short stands for a user who cannot log in with a password.
  if (bytes.length <= saltBytes || !isKnownAlgorithm(stored.algorithm)) return false
  const salt = bytes.subarray(0, saltBytes)
  const computed = isScrypt ? await scryptHash(password, salt) : rabbitHash(password, stored.algorithm, salt)
  const other = Buffer.from(computed.hash, 'base64')
  return other.length === bytes.length && timingSafeEqual(other, bytes)
}

/** One that nobody knows, until somebody sets another. */
export function randomPassword(): string {
  return randomBytes(RANDOM_PASSWORD_BYTES).toString('base64url')
}
