/** Derives the type of a request's body from its schema. */
import type { RequestSchema } from './base.ts'
import type { requests } from './requests.ts'
import type { docs } from './routes.ts'

/**
 * The fields that the body of a route such as `PUT cluster-name` may have; `string` if the type does not determine
 * them.
 */
export type BodyField<Route extends string> = Route extends keyof typeof docs
  ? (typeof docs)[Route] extends { readonly body: infer Body extends keyof typeof requests }
    ? (typeof requests)[Body] extends RequestSchema<infer Field>
      ? Field
      : string
    : never
  : string
