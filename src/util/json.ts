/** An object of JSON, of which nothing is known yet. */
export type Json = { [key: string]: unknown }
