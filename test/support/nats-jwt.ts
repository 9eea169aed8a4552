/** An operator, an account with JetStream and a user, as `nsc` would make them: what a nats-server with JWTs is configured with. */
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys'

export interface JwtSetup {
  /** Lines of nats-server's configuration. */
  readonly config: string
  /** Contents of the user's credentials file. */
  readonly creds: string
}

function sign(by: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const part = (o: object): string => Buffer.from(JSON.stringify(o)).toString('base64url')
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    jti: `${name}-${iat}`,
    iat,
    iss: by.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    nats,
  }
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`
  return `${text}.${Buffer.from(by.sign(Buffer.from(text))).toString('base64url')}`
}

const limits = {
  ...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
  ...{ mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
}

export function jwtSetup(): JwtSetup {
  const [operator, account, system, user] = [
    createOperator(),
    createAccount(),
    createAccount(),
    createUser(),
  ] as const
  const operatorJwt = sign(operator, operator, 'O', {
    type: 'operator',
    version: 2,
    system_account: system.getPublicKey(),
  })
  const accountJwt = sign(operator, account, 'A', { type: 'account', version: 2, limits })
  const noJetStream = { ...limits, mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 }
  const systemJwt = sign(operator, system, 'SYS', { type: 'account', version: 2, limits: noJetStream })
  const userJwt = sign(account, user, 'leveret', {
    type: 'user',
    version: 2,
    subs: -1,
    data: -1,
    payload: -1,
  })
  return {
    config: `
operator: ${operatorJwt}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload {
  ${account.getPublicKey()}: ${accountJwt}
  ${system.getPublicKey()}: ${systemJwt}
}
`,
    creds: `-----BEGIN NATS USER JWT-----
${userJwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${Buffer.from(user.getSeed()).toString()}
------END USER NKEY SEED------
`,
  }
}
