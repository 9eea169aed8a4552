/** Forms with a definitions file, as browsers and curl send them; only the routes of definitions accept them. */
import type { FastifyRequest } from 'fastify'
import { HTTP_BODY_BYTES_SHORT } from '../limits.ts'
import { badDefinitions, parseDefinitions } from './body.ts'
import { badRequest, HttpError } from './http.ts'

/** Maximum length of `redirect`; 400 beyond. */
const REDIRECT_BYTES_MAX = 2048
/** Base URLs against which a redirect is checked: it must stay on the server with either scheme. */
const BASES = ['http://leveret.invalid/api/definitions', 'https://leveret.invalid/api/definitions']

const redirects = new WeakMap<FastifyRequest, string>()

export function isForm(request: FastifyRequest): boolean {
  return /^multipart\//i.test(request.headers['content-type'] ?? '')
}

export function takesForms(request: FastifyRequest): boolean {
  return /^\/api\/(definitions|all-configuration)/.test(request.routeOptions.url ?? '')
}

/** Returns the `redirect` of the form that the request contained. */
export function redirectOf(request: FastifyRequest): string | undefined {
  return redirects.get(request)
}

/**
 * Returns the definitions in the file of a form. If a field is repeated, the last one counts, as in RabbitMQ.
 * @param fields from the form parser: text, or bytes for a field with a file name
 * @throws HttpError 400, 413
 */
export async function fromForm(request: FastifyRequest, fields: object): Promise<unknown> {
  if (!takesForms(request)) throw badRequest('not_json')
  const { file, redirect } = fields as { readonly file?: unknown; readonly redirect?: unknown }
  const to = lastOf(redirect)
  if (to !== undefined) redirects.set(request, checkedRedirect(to))
  const content = lastOf(file)
  if (content === undefined || content.length === 0) throw badDefinitions()
  // The form parser truncates longer texts.
  if (typeof content === 'string' && Buffer.byteLength(content) >= HTTP_BODY_BYTES_SHORT)
    throw new HttpError(
      413,
      'bad_request',
      `a text in a form has at most ${HTTP_BODY_BYTES_SHORT} octets: send definitions as a file`,
    )
  return await parseDefinitions(Buffer.from(content))
}

function lastOf(field: unknown): string | Buffer | undefined {
  const value: unknown = Array.isArray(field) ? field.at(-1) : field
  return typeof value === 'string' || Buffer.isBuffer(value) ? value : undefined
}

/** Accepts redirects within this server only; RabbitMQ accepts any, which is an open redirect. @throws HttpError 400 */
function checkedRedirect(value: string | Buffer): string {
  const text = String(value)
  const isPlain = text.length <= REDIRECT_BYTES_MAX && /^[!-[\]-~]*$/.test(text)
  if (!isPlain || !BASES.every((base) => isWithin(text, base)))
    throw badRequest('redirect is not a relative reference to a page of this server')
  return text
}

function isWithin(reference: string, base: string): boolean {
  return URL.canParse(reference, base) && new URL(reference, base).origin === new URL(base).origin
}
