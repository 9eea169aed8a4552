/** Keys of RabbitMQ's schemas that are not supported but must not be ignored. `*` and `**` as in without-effect.ts. */

export interface RefusedKey {
  readonly key: string
  /** Values that are safe to ignore: with one of them the key is only logged as having no effect. */
  readonly harmless: readonly string[]
  /** Why it must not be ignored, and what to do instead. */
  readonly why: string
}

const inlineTls = (prefix: string, ...names: string[]): RefusedKey[] =>
  names.map((name) => ({
    key: `${prefix}.${name}`,
    harmless: [],
    why: 'a certificate or key inside the configuration is not read; name a file with certfile, keyfile and cacertfile',
  }))

/** The broker refuses to start with these: ignoring them would admit clients that the operator wants to keep out. */
export const refused: readonly RefusedKey[] = [
  ...['ssl_options', 'management.ssl', 'management.listener.ssl_opts', 'prometheus.ssl'].flatMap((prefix) => [
    ...inlineTls(prefix, 'cert', 'cacerts.*', 'key.*', 'dh'),
    {
      key: `${prefix}.crl_check`,
      harmless: ['false'],
      why: 'revoked certificates would be accepted; check revocation in front of the broker, or set it to false',
    },
    {
      key: `${prefix}.psk_identity`,
      harmless: [],
      why: 'pre-shared keys are not supported; use certificates',
    },
  ]),
  {
    key: 'definitions.https.url',
    harmless: [],
    why: 'definitions are not fetched over HTTPS; download the file and name it with load_definitions',
  },
  {
    key: 'auth_oauth2.signing_keys.*',
    harmless: [],
    why: 'keys are read as a JSON Web Key Set; name its file with auth_oauth2.signing_keys_file',
  },
  {
    key: 'auth_oauth2.https.*',
    harmless: ['verify_peer', 'verify_none', 'false', 'none'],
    why: "keys are fetched with Node's own certificate checks; set NODE_EXTRA_CA_CERTS instead",
  },
  ...[
    'auth_oauth2.oauth_providers.**',
    'auth_oauth2.resource_servers.**',
    'auth_oauth2.resource_server_type',
  ].map((key) => ({
    key,
    harmless: [],
    why: 'tokens would be checked by other rules than configured; one provider is supported, see auth_oauth2.resource_server_id and jwks_url',
  })),
  {
    key: 'auth_oauth2.require_exp',
    harmless: ['false'],
    why: 'tokens that never expire would still be accepted; have the issuer set an expiry (exp)',
  },
  {
    key: 'auth_oauth2.scope_aliases.**',
    harmless: [],
    why: "tokens would have other rights than intended; have the issuer use RabbitMQ's scopes",
  },
  {
    key: 'auth_oauth2.default_oauth_provider',
    harmless: [],
    why: 'only one provider is supported, see auth_oauth2.jwks_url',
  },
  {
    key: 'management.disable_basic_auth',
    harmless: ['false'],
    why: 'user names and passwords would still be accepted over HTTP',
  },
  {
    key: 'management.oauth_disable_basic_auth',
    harmless: ['false', 'true'],
    why: '',
  },
  {
    key: 'management.restrictions.operator_policy_changes.disabled',
    harmless: ['false'],
    why: 'operator policies could still be changed over HTTP',
  },
  {
    key: 'prometheus.authentication.enabled',
    harmless: ['false'],
    why: 'the metrics would be open to everybody; bind prometheus.tcp.ip to a private address instead',
  },
]
