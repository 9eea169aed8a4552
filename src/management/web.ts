/**
 * Serves the management UI: the files of `dist/web`, as built, at `/`. The UI uses nothing but the HTTP API. Its files
 * are read and compressed on first use and then cached.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { HttpSettings, OAuthLogin } from '../config/settings.ts'
import type { Json } from '../util/json.ts'
import { notFound } from './http.ts'

const types = new Map([
  ['html', 'text/html; charset=utf-8'],
  ['js', 'text/javascript; charset=utf-8'],
  ['css', 'text/css; charset=utf-8'],
  ['svg', 'image/svg+xml'],
])

interface WebFile {
  readonly type: string
  readonly plain: Buffer
  readonly gzipped: Buffer
  readonly etag: string
}

const compress = promisify(gzip)

export class WebFiles {
  private readonly files = new Map<string, Promise<WebFile>>()
  private names: ReturnType<typeof builtFiles> | undefined

  /** Returns a file of the build; undefined for other names. Each file is read once, and again only after a failure. */
  async get(name: string): Promise<WebFile | undefined> {
    this.names ??= builtFiles()
    const { root, all } = await this.names
    if (root === undefined || !all.has(name)) return undefined
    const known = this.files.get(name)
    if (known !== undefined) return known
    const file = read(new URL(name, root))
    this.files.set(name, file)
    file.catch(() => this.files.delete(name))
    return file
  }
}

async function read(url: URL): Promise<WebFile> {
  const plain = await readFile(url)
  const type = types.get(url.pathname.split('.').at(-1) ?? '') ?? 'application/octet-stream'
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
  return { type, plain, gzipped: await compress(plain, { level: 9 }), etag }
}

/** The names of the built files; none if they are missing, as in a bundle of an embedding program. */
async function builtFiles(): Promise<{ root: URL | undefined; all: ReadonlySet<string> }> {
  try {
    const { webFolder: root } = await import('#web-folder')
    const assets = await readdir(new URL('assets/', root))
    return { root, all: new Set(['index.html', ...assets.map((f) => `assets/${f}`)]) }
  } catch {
    return { root: undefined, all: new Set() }
  }
}

/** @param origins that the UI may contact besides the broker: the issuer of its tokens */
export function contentSecurityPolicy(origins: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...origins].join(' ')}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** The settings of OAuth login, by RabbitMQ's names. */
export function authJson(login: OAuthLogin | undefined): Json {
  if (login === undefined) return { oauth_enabled: false }
  return {
    oauth_enabled: true,
    oauth_client_id: login.clientId,
    oauth_provider_url: login.providerUrl,
    oauth_scopes: login.scopes,
  }
}

function originsOf(login: OAuthLogin | undefined): string[] {
  if (login === undefined) return []
  const urls = [login.providerUrl, ...(login.tokenEndpoint === undefined ? [] : [login.tokenEndpoint])]
  return [...new Set(urls.map((u) => new URL(u).origin))]
}

export function webRoutes(app: FastifyInstance, { pathPrefix: prefix, oauthLogin }: HttpSettings): void {
  const files = new WebFiles()
  const policy = contentSecurityPolicy(originsOf(oauthLogin))
  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    name: string,
    caching: string,
  ): Promise<unknown> => {
    const file = await files.get(name)
    if (file === undefined) throw notFound()
    secure(reply, policy)
    void reply.headers({ etag: file.etag, 'cache-control': caching, vary: 'accept-encoding' })
    if (sameTag(request.headers['if-none-match'], file.etag)) return reply.code(304).send()
    const small = accepts(request.headers['accept-encoding'], 'gzip')
    if (small) void reply.header('content-encoding', 'gzip')
    return reply.type(file.type).send(small ? file.gzipped : file.plain)
  }
  app.get('/', (request, reply) => {
    const [path, query] = request.originalUrl.split(/(?=\?)/)
    if (path?.endsWith('//')) throw notFound()
    // The UI's URLs are relative to its own.
    if (prefix !== '' && path === prefix) return reply.redirect(`${prefix}/${query ?? ''}`, 308)
    return send(request, reply, 'index.html', 'no-cache')
  })
  // Needed before the login; `/api/auth` returns it too.
  app.get('/login.json', (_request, reply) => {
    secure(reply, policy)
    return reply.header('cache-control', 'no-store').send(authJson(oauthLogin))
  })
  // The names of these files contain a hash of their content.
  app.get('/assets/:file', (request, reply) =>
    send(
      request,
      reply,
      `assets/${(request.params as { file: string }).file}`,
      'public, max-age=31536000, immutable',
    ),
  )
}

/** Headers set by the configuration are kept. */
function secure(reply: FastifyReply, policy: string): void {
  const all = {
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
  }
  for (const [name, value] of Object.entries(all)) if (!reply.hasHeader(name)) void reply.header(name, value)
}

function sameTag(asked: string | undefined, etag: string): boolean {
  const tags = asked?.split(',').map((t) => t.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || tags.includes('*')
}

/** Whether the header Accept-Encoding lists the encoding with a weight above 0. */
function accepts(header: string | string[] | undefined, encoding: string): boolean {
  return String(header ?? '')
    .toLowerCase()
    .split(',')
    .some((part) => {
      const [name = '', ...parameters] = part.split(';').map((p) => p.trim())
      return name === encoding && !parameters.some((p) => /^q=0(\.0*)?$/.test(p))
    })
}
