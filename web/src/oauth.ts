/**
 * Login with a token of the configured issuer: the authorization code flow with PKCE (RFC 7636). The session storage
 * keeps only a login in progress (verifier, state, fragment) while the browser is at the issuer; it is used once.
 */
import { logInWithToken } from './api.ts'

export interface OAuthOffer {
  readonly issuer: string
  readonly client: string
  readonly scopes: string
}

interface Auth {
  readonly oauth_enabled: boolean
  readonly oauth_client_id?: string
  readonly oauth_provider_url?: string
  readonly oauth_scopes?: string
}

interface Provider {
  readonly authorization_endpoint: string
  readonly token_endpoint: string
}

const KEY = 'leveret-oauth'

/** Returns undefined if OAuth login is not configured. */
export async function oauthOffer(): Promise<OAuthOffer | undefined> {
  const auth = await loginSettings()
  if (auth?.oauth_enabled !== true || auth.oauth_client_id === undefined) return undefined
  const { oauth_provider_url: issuer, oauth_client_id: client, oauth_scopes: scopes = 'openid' } = auth
  return issuer === undefined ? undefined : { issuer, client, scopes }
}

async function loginSettings(): Promise<Auth | undefined> {
  try {
    const response = await fetch('login.json', { credentials: 'omit', cache: 'no-store' })
    return response.ok ? ((await response.json()) as Auth) : undefined
  } catch {
    return undefined
  }
}

async function providerOf({ issuer }: OAuthOffer): Promise<Provider> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const response = await fetch(url, { credentials: 'omit', cache: 'no-store' })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return (await response.json()) as Provider
}

function text(octets: Uint8Array): string {
  return btoa(String.fromCharCode(...octets))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

function random(): string {
  return text(crypto.getRandomValues(new Uint8Array(32)))
}

/** The URL to which the issuer sends the browser back: this page. */
function redirectUri(): string {
  return location.origin + location.pathname
}

/** Begins a login: sends the browser to the issuer. */
export async function beginOAuth(offer: OAuthOffer): Promise<void> {
  if (crypto.subtle === undefined)
    throw new Error('OAuth 2.0 needs this page over HTTPS, or from the machine of the broker')
  const { authorization_endpoint } = await providerOf(offer)
  const [verifier, state] = [random(), random()]
  sessionStorage.setItem(KEY, JSON.stringify({ verifier, state, hash: location.hash }))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  const url = new URL(authorization_endpoint)
  const query = {
    response_type: 'code',
    client_id: offer.client,
    redirect_uri: redirectUri(),
    scope: offer.scopes,
    state,
    code_challenge: text(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  }
  for (const [name, v] of Object.entries(query)) url.searchParams.set(name, v)
  location.assign(url)
}

/** Completes a login: exchanges the issuer's code for a token. Does nothing if there is no login to complete. */
export async function finishOAuth(offer: OAuthOffer): Promise<void> {
  const query = new URLSearchParams(location.search)
  const kept = sessionStorage.getItem(KEY)
  if (kept === null || !(query.has('code') || query.has('error'))) return
  sessionStorage.removeItem(KEY)
  const { verifier, state, hash } = JSON.parse(kept) as Record<string, string>
  history.replaceState(null, '', location.pathname + hash)
  if (query.get('state') !== state) throw new Error('The answer of the issuer belongs to another login.')
  const refused = query.get('error_description') ?? query.get('error')
  if (refused !== null) throw new Error(refused)
  const { token_endpoint } = await providerOf(offer)
  const response = await fetch(token_endpoint, {
    method: 'POST',
    credentials: 'omit',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: query.get('code') ?? '',
      redirect_uri: redirectUri(),
      client_id: offer.client,
      code_verifier: verifier ?? '',
    }),
  })
  const answer = (await response.json()) as { access_token?: string; error_description?: string }
  if (answer.access_token === undefined)
    throw new Error(answer.error_description ?? `the issuer answers ${response.status}`)
  await logInWithToken(answer.access_token)
}
