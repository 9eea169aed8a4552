/** Request bodies: parses and validates the JSON that handlers rely on. */
import type { FastifyRequest, FastifySchemaValidationError } from 'fastify'
import { parseJson } from '../definitions/json.ts'
import { readDefinitions } from '../definitions/read.ts'
import { badRequest, type HttpError, missingKeys } from './http.ts'
import type { Schema } from './schemas/base.ts'

type Validator = ReturnType<FastifyRequest['compileValidationSchema']>

const validators = new Map<Schema, Validator>()

/** Validates a body. Schemas are compiled on first use, once for all servers of the process. @throws HttpError 400 */
export function checkBody(request: FastifyRequest, schema: Schema): void {
  let validate = validators.get(schema)
  if (validate === undefined) {
    validate = request.compileValidationSchema(schema as { [keyword: string]: unknown })
    validators.set(schema, validate)
  }
  if (!validate(request.body ?? null)) throw schemaError(validate.errors?.[0])
}

/** An empty body and `null`, which some clients send, count as an empty object. @throws HttpError 400 */
export function parseBody(text: string): unknown {
  const value = text === '' ? {} : jsonOf(text)
  if (typeof value === 'string')
    throw badRequest(
      'invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?',
    )
  return value ?? {}
}

/** Parses definitions, which may be lenient JSON. @throws HttpError 400 */
export async function parseDefinitions(body: Buffer): Promise<unknown> {
  try {
    return body.length === 0 ? {} : ((await readDefinitions(body)) ?? {})
  } catch (error) {
    throw error instanceof RangeError ? badRequest(error.message) : badDefinitions()
  }
}

export function badDefinitions(): HttpError {
  return badRequest('failed_to_parse_json')
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw notJson(error)
  }
}

function notJson(error: unknown): HttpError {
  return badRequest(error instanceof RangeError ? error.message : 'not_json')
}

/** An error as ajv reports it with `verbose`. */
type SchemaError = FastifySchemaValidationError & { readonly schema?: unknown; readonly data?: unknown }

/**
 * Describes what is wrong with a body, in RabbitMQ's words where it has any: `[{key_missing,tags}]`,
 * `["not_boolean","maybe"]`.
 */
function schemaError(e: SchemaError | undefined): HttpError {
  if (e?.keyword === 'required' && e.instancePath === '') {
    const [names, data] = [e.schema as readonly string[], e.data as object]
    return missingKeys(names.filter((n) => !Object.hasOwn(data, n)))
  }
  if (e?.keyword === 'enum' && (e.schema as unknown[])[0] === true) return badRequest(['not_boolean', e.data])
  const where = e?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  // Some clients send an empty list for an empty object, so the schema accepts one.
  const message = e?.keyword === 'maxItems' ? 'must be object' : e?.message?.replace('object,array', 'object')
  return badRequest(`${where} ${message ?? 'is not valid'}`.trim())
}
