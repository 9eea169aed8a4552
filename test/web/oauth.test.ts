/** Login with a token, from an issuer of the test's own that checks PKCE. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { useWeb } from '../support/browser.ts'
import { RunningNode } from '../support/running-node.ts'

const web = useWeb()
const dir = mkdtempSync(join(tmpdir(), 'leveret-oauth-page-'))
let issuer: Server
let issuerUrl: string
let node: RunningNode
let key: CryptoKey
/** What the next login is refused with. */
let refuse: string | undefined
const challenges = new Map<string, string>()

function token(): Promise<string> {
  return new SignJWT({ client_id: 'ann', scope: 'leveret.tag:administrator leveret.read:*/*' })
    .setProtectedHeader({ alg: 'RS256', kid: 'k' })
    .setIssuer(issuerUrl)
    .setAudience('leveret')
    .setExpirationTime('5m')
    .sign(key)
}

async function answer(
  path: string,
  query: URLSearchParams,
  body: string,
): Promise<[number, object | string]> {
  if (path === '/.well-known/openid-configuration')
    return [200, { authorization_endpoint: `${issuerUrl}/authorize`, token_endpoint: `${issuerUrl}/token` }]
  if (path === '/authorize') {
    const back = new URL(query.get('redirect_uri') ?? '')
    back.searchParams.set('state', query.get('state') ?? '')
    if (refuse !== undefined) back.searchParams.set('error_description', refuse)
    if (refuse !== undefined) back.searchParams.set('error', 'access_denied')
    else {
      challenges.set('the-code', query.get('code_challenge') ?? '')
      back.searchParams.set('code', 'the-code')
    }
    return [302, back.href]
  }
  const form = new URLSearchParams(body)
  const challenge = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url')
  if (challenges.get(form.get('code') ?? '') !== challenge || form.get('client_id') !== 'page')
    return [400, { error_description: 'not the one who asked' }]
  return [200, { access_token: await token(), token_type: 'Bearer' }]
}

beforeAll(async () => {
  const pair = await generateKeyPair('RS256')
  key = pair.privateKey
  const jwks = join(dir, 'jwks.json')
  writeFileSync(
    jwks,
    JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'RS256' }] }),
  )
  issuer = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://issuer')
    const [status, what] = await answer(pathname, searchParams, body)
    response.setHeader('access-control-allow-origin', '*')
    if (typeof what === 'string') response.writeHead(status, { location: what }).end()
    else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(what))
  })
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`
  const text = `listeners.tcp.1 = 127.0.0.1:0
management.tcp.port = 0
management.tcp.ip = 127.0.0.1
prometheus.tcp.port = 0
auth_oauth2.resource_server_id = leveret
auth_oauth2.issuer = ${issuerUrl}
auth_oauth2.signing_keys_file = ${jwks}
management.oauth_enabled = true
management.oauth_client_id = page
management.oauth_scopes = openid leveret.tag:administrator
`
  const { draft } = loadConfig(undefined, {}, parseConfig(text, 'f'))
  draft.dataDir = join(dir, 'data')
  node = await RunningNode.start(draft.settings(), oneForAll(silent))
})
afterAll(async () => {
  await node?.close()
  issuer?.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('a login with OAuth 2.0', () => {
  it('goes to the issuer and back to where one was, with a token in memory only', async () => {
    const v = await web.view()
    const base = `http://127.0.0.1:${node.managementPort}`
    await v.page.goto(`${base}/#/users`)
    await v.click('button', 'Log in with OAuth 2.0')
    await v.page.getByRole('heading', { name: 'Users' }).waitFor()
    expect(v.page.url()).toBe(`${base}/#/users`)
    await v.page.locator('.who', { hasText: 'ann' }).waitFor()
    expect(await v.page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')).toBe(
      '[{},{},""]',
    )
    await v.close()
  })

  it('shows why the issuer refuses', async () => {
    refuse = 'ann is not one of us'
    const v = await web.view()
    await v.page.goto(`http://127.0.0.1:${node.managementPort}/`)
    await v.click('button', 'Log in with OAuth 2.0')
    await v.see('ann is not one of us')
    await v.close()
    refuse = undefined
  })

  it('is no login for an answer that nobody has asked for', async () => {
    const v = await web.view()
    await v.page.goto(`http://127.0.0.1:${node.managementPort}/?code=the-code&state=x`)
    await v.page.getByLabel('Password').waitFor()
    expect(await v.page.locator('.frame').count()).toBe(0)
    await v.close()
  })

  it('is offered only where it is configured, and is described without a login', async () => {
    const configured = await fetch(`http://127.0.0.1:${node.managementPort}/login.json`)
    expect(await configured.json()).toEqual({
      oauth_enabled: true,
      oauth_client_id: 'page',
      oauth_provider_url: issuerUrl,
      oauth_scopes: 'openid leveret.tag:administrator',
    })
    expect(configured.headers.get('content-security-policy')).toContain(`connect-src 'self' ${issuerUrl}`)
    expect(await (await fetch(`${web.base}/login.json`)).json()).toEqual({ oauth_enabled: false })
    const v = await web.view()
    await v.page.goto(web.base)
    await v.page.getByLabel('Password').waitFor()
    expect(await v.page.getByRole('button', { name: /OAuth/ }).count()).toBe(0)
    await v.close()
  })
})
