/** What the type of a request knows of its body. */
import type { RequestSchema } from './base.ts'
import type { requests } from './requests.ts'
import type { docs } from './routes.ts'

/** The fields that the body of a route may have, such as `PUT cluster-name`; `string` where the type does not tell. */
export type BodyField<Route extends string> = Route extends keyof typeof docs
  ? (typeof docs)[Route] extends { readonly body: infer Body extends keyof typeof requests }
    ? (typeof requests)[Body] extends RequestSchema<infer Field>
      ? Field
      : string
    : never
  : string
