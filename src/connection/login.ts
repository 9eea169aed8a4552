/** Authenticates a client by the mechanism it has chosen. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionStartOk } from '../protocol/generated/methods.ts'
import type { OAuth } from '../security/oauth.ts'
import { type Principal, userPrincipal } from '../security/principal.ts'
import { type Credentials, type Mechanism, readResponse } from '../security/sasl.ts'
import type { Users } from '../security/users.ts'
import { plainAddress } from '../util/address.ts'

export type CertificateLogin = 'distinguished_name' | 'common_name' | 'subject_alternative_name'

/** Selects which alternative name of a certificate is the user name. */
export interface AlternativeName {
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'other_name'
  /** Index among the names of that type, from 0. */
  readonly index: number
}

export interface LoginSettings {
  readonly mechanisms: readonly Mechanism[]
  /** The user of ANONYMOUS. */
  readonly anonymousUser: string | undefined
  /** Which part of a client's certificate is the user name for EXTERNAL. */
  readonly certificateLogin: CertificateLogin
  readonly alternativeName: AlternativeName
  /** Validates tokens given as passwords. */
  readonly oauth: OAuth | undefined
}

/** The mechanisms to offer; EXTERNAL only if the client's certificate has a user name. */
export function offeredMechanisms(settings: LoginSettings, tls: TLSSocket | undefined): readonly Mechanism[] {
  return settings.mechanisms.filter(
    (m) =>
      (m !== 'EXTERNAL' || certificateName(settings, tls) !== undefined) &&
      (m !== 'ANONYMOUS' || settings.anonymousUser !== undefined),
  )
}

/** Sockets of this process itself with their users, who are logged in by any mechanism without a password. */
export const insiders = new WeakMap<Socket, Principal>()

/**
 * Sockets over which a web page speaks that does not come from this machine. Any page that somebody visits here may open a
 * WebSocket to the broker, without asking: it is not a client of the same machine.
 */
export const foreignPages = new WeakSet<object>()

/**
 * Why a login failed: `'refused'` is reported to clients that have the capability for it; `'invalid'` (a mechanism that
 * is not offered, or a malformed response) is not answered at all.
 */
export type LoginFailure = 'refused' | 'invalid'

/** A client that logs in; `tls` is its own, if it uses any. */
export interface LoginClient {
  readonly socket: Socket
  readonly tls: TLSSocket | undefined
}

/** Returns the user, or why the login failed; only the log says more. */
export async function login(
  users: Users,
  settings: LoginSettings,
  m: ConnectionStartOk,
  { socket, tls }: LoginClient,
  address: string,
  wait: () => Promise<void>,
): Promise<Principal | LoginFailure> {
  const insider = insiders.get(socket)
  if (insider !== undefined) return insider
  const mechanism = m.mechanism as Mechanism
  if (!offeredMechanisms(settings, tls).includes(mechanism)) return 'invalid'
  const known = (name: string | undefined): Principal | LoginFailure => {
    const user = name === undefined ? undefined : users.get(name)
    return user === undefined ? 'refused' : userPrincipal(users, user)
  }
  if (mechanism === 'EXTERNAL') return known(certificateName(settings, tls))
  if (mechanism === 'ANONYMOUS') return known(settings.anonymousUser)
  const reading = readResponse(mechanism, m.response)
  if (reading === 'malformed') return 'invalid'
  if (reading === 'mistyped') return 'refused'
  const { user, password } = reading
  const isLocal = isLoopback(address) && !foreignPages.has(socket)
  const principal = await passwordLogin(users, settings.oauth, { user, password, isLocal }, address, wait)
  return principal ?? 'refused'
}

/**
 * Logs in with a name and a password, or with a token as the password, which names its bearer. `isLocal`: the client is on
 * the same machine.
 * @param wait delays addresses with failed logins; recently successful users are not delayed
 */
export async function passwordLogin(
  users: Users,
  oauth: OAuth | undefined,
  { user: name, password, isLocal }: Credentials & { readonly isLocal: boolean },
  address: string,
  wait: () => Promise<void>,
): Promise<Principal | undefined> {
  if (!users.knows(name, password)) await wait()
  const bearer = await oauth?.verify(password, address)
  if (bearer !== undefined) return bearer
  const user = await users.login(name, password, isLocal, address)
  return user && userPrincipal(users, user)
}

/**
 * The user name in a client's certificate, by default the subject in RabbitMQ's form: `CN=client,O=org`, the last part
 * first. undefined without a certificate that was verified.
 */
function certificateName(settings: LoginSettings, tls: TLSSocket | undefined): string | undefined {
  if (tls?.authorized !== true) return undefined
  const { subject, subjectaltname } = tls.getPeerCertificate()
  if (subject === undefined) return undefined
  if (settings.certificateLogin === 'subject_alternative_name')
    return alternativeName(subjectaltname ?? '', settings.alternativeName)
  if (settings.certificateLogin === 'common_name') {
    const name: unknown = subject.CN
    return typeof name === 'string' ? name : undefined
  }
  return Object.entries(subject)
    .reverse()
    .map(([k, v]) => `${k}=${String(v)}`)
    .join(',')
}

const alternativeNamePrefixes = {
  dns: 'DNS:',
  ip: 'IP Address:',
  email: 'email:',
  uri: 'URI:',
  other_name: 'othername:',
}

/** @param names as Node formats them: `DNS:a.example, IP Address:127.0.0.1`; a name that contains a comma is quoted */
export function alternativeName(names: string, { type, index }: AlternativeName): string | undefined {
  const prefix = alternativeNamePrefixes[type]
  const all = names.match(/[^:,]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? []
  const found = all
    .map((n) => n.trim())
    .filter((n) => n.startsWith(prefix))
    [index]?.slice(prefix.length)
  return found?.startsWith('"') === true ? (JSON.parse(found) as string) : found
}

export function isLoopback(address: string | undefined): boolean {
  const plain = plainAddress(address)
  return plain === '::1' || plain.startsWith('127.')
}
