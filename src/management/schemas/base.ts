/** Building blocks for JSON schemas (2020-12, which OpenAPI 3.1 uses). */

/** The keywords in use: a misspelt one does not compile. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly minProperties?: number
  readonly maxItems?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly properties?: { readonly [name: string]: Schema }
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly description?: string
  readonly $ref?: string
}

/** The schema of a request body with these fields, against which handlers are type-checked. */
export interface RequestSchema<Field extends string> extends Schema {
  readonly properties: { readonly [F in Field]: Schema }
}

type Fields = { readonly [name: string]: Schema }

export const text: Schema = { type: 'string' }
export const textOrNull: Schema = { type: ['string', 'null'] }
/** A non-negative integer. */
export const count: Schema = { type: 'integer', minimum: 0 }
export const number: Schema = { type: 'number' }
export const yesNo: Schema = { type: 'boolean' }
/** In requests: some clients send strings. */
export const flag: Schema = { enum: [true, false, 'true', 'false'] }
/** In requests: some clients send strings. */
export const integer: Schema = { type: ['integer', 'string'], pattern: '^-?\\d+$' }
/** ms since 1970 */
export const time: Schema = { type: 'integer', minimum: 0 }
export const anything: Schema = {}
/** Any names and values, such as arguments and headers. */
export const table: Schema = { type: 'object' }
/** A table in requests: some clients send an empty list for an empty table, as RabbitMQ does. */
export const tableOrNothing: Schema = { type: ['object', 'array'], maxItems: 0 }
export const texts: Schema = { type: 'array', items: text }

export function list(items: Schema): Schema {
  return { type: 'array', items }
}

export function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] }
}

/** Refers to a component of the document. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** An object with exactly these properties; those in `optional` may be absent. */
export function object(
  required: { readonly [name: string]: Schema },
  optional: { readonly [name: string]: Schema } = {},
): Schema {
  return { ...request(required, optional), additionalProperties: false }
}

/** A request body with required and optional fields; unknown ones are ignored, as in RabbitMQ. */
export function request<R extends Fields, O extends Fields = Record<never, Schema>>(
  required: R,
  optional?: O,
): RequestSchema<(keyof R | keyof O) & string> {
  return {
    type: 'object',
    properties: { ...required, ...optional } as { [F in (keyof R | keyof O) & string]: Schema },
    required: Object.keys(required),
  }
}

/** Numbers, each with its rate, and with samples if the query asks for them. */
export function rated(...names: readonly string[]): Schema {
  const sample = object({ sample: number, timestamp: time })
  const rate = object({ rate: number }, { samples: list(sample), avg: number, avg_rate: number })
  return object(
    Object.fromEntries(names.flatMap((n) => [[n, count] as const, [`${n}_details`, rate] as const])),
  )
}

/** An object with the properties of all parts. */
export function merged(...parts: readonly Schema[]): Schema {
  return object(Object.assign({}, ...parts.map((p) => p['properties'])))
}

/** Octets received and sent, of a connection or a vhost. */
export const octets = rated('recv_oct', 'send_oct')
