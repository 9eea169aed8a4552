/** Limits of regular expressions from outside: the unit of each, and what happens beyond it. */

/** Octets of a regular expression from outside: refused as too large beyond. */
export const PATTERN_BYTES_MAX = 16_384

/** Nesting of groups in a regular expression: refused beyond (PCRE: 250). */
export const PATTERN_DEPTH_MAX = 250

/** Instructions of a compiled regular expression, repetitions unrolled: refused as too large beyond. */
export const PATTERN_INSTRUCTIONS_MAX = 4_096

/** Steps, some 10 ns each, to decide whether a name matches a regular expression: permissions refuse beyond. */
export const PATTERN_STEPS_MAX = 1_048_576

/** Steps of matching names against a regular expression in one turn of the event loop; then other work comes first. */
export const PATTERN_STEPS_PER_TURN = 262_144

/** The same in a step of a long job. */
export const PATTERN_STEPS_PER_STEP = 8_192

/** Steps of one request that selects names, or of a new policy over all existing names: refused beyond. */
export const PATTERN_STEPS_PER_REQUEST_MAX = 33_554_432
