/**
 * Password hashes: RabbitMQ's salted ones, which any RabbitMQ can read, and scrypt. A hash stays as it is until the
 * password is set anew: whoever moves back to RabbitMQ can log in there (docs/security.md has the reasons).
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
/** How dear scrypt is: the same for every hash, also for those that are kept. Tests lower it. */
export const scryptCost = { N: 16_384, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

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

/** In a thread of its own, without a limit to how many wait. */
export async function scryptHash(
  password: string,
  salt = randomBytes(SCRYPT_SALT_BYTES),
): Promise<PasswordHash> {
  const key = await passwordPool.hash({ password, salt, octets: SCRYPT_BYTES, options: scryptCost })
  return { hash: Buffer.concat([salt, key]).toString('base64'), algorithm: SCRYPT }
}

/** What new passwords may be kept as; MD5 is only read. */
export const newPasswordAlgorithms = [SHA256, SHA512, SCRYPT] as const
export type NewPasswordAlgorithm = (typeof newPasswordAlgorithms)[number]

/** As a new password is kept. */
export async function newPasswordHash(password: string, how: NewPasswordAlgorithm): Promise<PasswordHash> {
  return how === SCRYPT ? await scryptHash(password) : rabbitHash(password, how)
}

/** The same at once, which scrypt takes tens of milliseconds for: at a start, or where a vhost is made. */
export function newPasswordHashSync(password: string, how: NewPasswordAlgorithm): PasswordHash {
  if (how !== SCRYPT) return rabbitHash(password, how)
  const salt = randomBytes(SCRYPT_SALT_BYTES)
  const key = scryptSync(password, salt, SCRYPT_BYTES, scryptCost)
  return { hash: Buffer.concat([salt, key]).toString('base64'), algorithm: SCRYPT }
}

/**
 * The same work for every password and every kind of hash, and where there is none: how long it takes tells nothing. What
 * is memory-hard is calculated also where the kept hash is not, and thrown away.
 * @param stored undefined where there is no such user
 */
export async function passwordMatches(password: string, stored: PasswordHash | undefined): Promise<boolean> {
  const { hash, algorithm } = stored ?? { hash: '', algorithm: SCRYPT }
  const bytes = Buffer.from(hash, 'base64')
  const isScrypt = algorithm === SCRYPT
  const saltBytes = isScrypt ? SCRYPT_SALT_BYTES : SALT_BYTES
  // A hash that is empty or too short stands for a user who cannot log in with a password.
  const usable = bytes.length > saltBytes && isKnownAlgorithm(algorithm)
  const salt = bytes.subarray(0, saltBytes)
  const scrypt = await (usable && isScrypt ? scryptHash(password, salt) : scryptHash(password))
  const quick = usable && !isScrypt ? rabbitHash(password, algorithm, salt) : rabbitHash(password)
  const computed = Buffer.from((isScrypt ? scrypt : quick).hash, 'base64')
  const equal = computed.length === bytes.length && timingSafeEqual(computed, bytes)
  return usable && equal
}

/** One that nobody knows, until somebody sets another. */
export function randomPassword(): string {
  return randomBytes(RANDOM_PASSWORD_BYTES).toString('base64url')
}
