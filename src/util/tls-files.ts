/**
 * Reads the files of a TLS listener and checks them one by one: OpenSSL's own errors (`no start line`) name neither the
 * file nor the setting, and it ignores some content that it cannot read.
 */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { readRegularFile } from './regular-file.ts'
import { StartError } from './start-error.ts'

/** Maximum octets of such a file: a larger one is something else. */
export const TLS_FILE_BYTES_MAX = 16 * 1024 * 1024

/** A setting and its value: `ssl_options.certfile` and a path. */
interface Named {
  readonly key: string
  readonly file: string
}

/** @throws StartError */
function read({ key, file }: Named): Buffer {
  try {
    return readRegularFile(file, TLS_FILE_BYTES_MAX)
  } catch (error) {
    throw new StartError(`${key}: cannot read ${file}: ${(error as Error).message}`)
  }
}

function usable(options: SecureContextOptions, problem: string): void {
  try {
    createSecureContext(options)
  } catch (error) {
    throw new StartError(`${problem}: ${(error as Error).message}`)
  }
}

/** @param passphrase of the key. @throws StartError that names the file and what is wrong with it */
export function readPair(
  certificate: Named,
  privateKey: Named,
  passphrase?: string,
): { cert: Buffer; key: Buffer } {
  const cert = read(certificate)
  const key = read(privateKey)
  const withPassphrase = passphrase === undefined ? {} : { passphrase }
  usable({ cert }, `${certificate.key}: ${certificate.file} is not a certificate (PEM) that can be used`)
  usable(
    { key, ...withPassphrase },
    `${privateKey.key}: ${privateKey.file} is not a private key (PEM) that can be read with the password that is set, or without one`,
  )
  usable(
    { cert, key, ...withPassphrase },
    `${privateKey.key}: ${privateKey.file} is not the key of the certificate in ${certificate.file}`,
  )
  return { cert, key }
}

/** Reads certificates to trust. @throws StartError */
export function readAuthorities(named: Named): Buffer {
  const ca = read(named)
  try {
    new X509Certificate(ca)
  } catch (error) {
    throw new StartError(`${named.key}: ${named.file} has no certificate (PEM): ${(error as Error).message}`)
  }
  return ca
}

/** Reads Diffie-Hellman parameters. @throws StartError */
export function readParameters(named: Named): Buffer {
  const parameters = read(named)
  if (!/-----BEGIN (X9\.42 )?DH PARAMETERS-----/.test(parameters.toString('latin1')))
    throw new StartError(`${named.key}: ${named.file} has no Diffie-Hellman parameters (PEM)`)
  usable({ dhparam: parameters }, `${named.key}: ${named.file} cannot be used`)
  return parameters
}

/** @throws StartError if OpenSSL knows none of the ciphers */
export function checkCiphers(key: string, ciphers: string): void {
  usable({ ciphers }, `${key}: none of these can be used`)
}
