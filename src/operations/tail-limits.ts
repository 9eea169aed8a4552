/** The bounds of watching messages as they pass, over HTTP. */

/** Those who watch messages as they pass, over HTTP, at once: 429 beyond. */
export const TAILS_MAX = 20

/** Messages a second that one of them is shown; more are counted and left out. */
export const TAIL_PER_SECOND_MAX = 200

/** Seconds that one of them may watch; then it is over. */
export const TAIL_SECONDS_MAX = 600

/** Octets of a message that one of them is shown, at most. */
export const TAIL_PAYLOAD_BYTES_MAX = 65_536

/** What all who watch a vhost may read in a round of the event loop: octets of properties, which take longest to show. */
export const TAIL_PROPERTIES_PER_ROUND_MAX = 262_144

/** Octets of a body that take as long to show as one of the properties. */
export const TAIL_BODY_OCTETS = 32

/** Queues that a message goes to and one of them is told of; of more, only the first ones are looked at. */
export const TAIL_QUEUES_MAX = 100

/** Octets that wait for one of them, or that one answer has; what comes meanwhile is counted and left out. */
export const TAIL_WAITING_BYTES_MAX = 1024 * 1024
