/** A JSON object whose members have not been validated. */
export type Json = { [key: string]: unknown }
