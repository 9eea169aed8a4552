/** OAuth 2.0 with nothing configured that has a default; what is missing is where the keys are. */
export const oauthDefaults = {
  resourceServerId: 'broker',
  issuer: undefined,
  usernameClaim: undefined,
  scopesClaim: undefined,
  scopePrefix: undefined,
  verifyAudience: false,
} as const
