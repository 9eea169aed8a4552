/** Limits of watching messages as they pass, over HTTP. */

/** Maximum number of watchers at the same time: 429 beyond. */
export const TAILS_MAX = 20

/** The same for one user. */
export const TAILS_OF_USER_MAX = 15

/** Messages per second that one watcher is shown; more are counted and left out. */
export const TAIL_PER_SECOND_MAX = 200

/** Maximum seconds for which one watcher may watch. */
export const TAIL_SECONDS_MAX = 600

/** Maximum octets of a message's body that one watcher is shown. */
export const TAIL_PAYLOAD_BYTES_MAX = 65_536

/**
 * Octets of properties, which take longest to show, that all watchers of a vhost may read in a turn of the event loop.
 */
export const TAIL_PROPERTIES_PER_ROUND_MAX = 262_144

/** Octets of a body that take as long to show as one octet of the properties. */
export const TAIL_BODY_OCTETS = 32

/** Queues of a message that one watcher is shown; of more, only the first ones are examined. */
export const TAIL_QUEUES_MAX = 100

/**
 * Queues of a message in the default exchange, times the scopes of the watcher's token, that are compared to find out
 * whether the watcher may see it; a message that needs more is not shown.
 */
export const TAIL_COMPARISONS_MAX = 10_000

/**
 * Octets that wait for one watcher, or that one response has; messages that pass meanwhile are counted and left out.
 */
export const TAIL_WAITING_BYTES_MAX = 1024 * 1024
