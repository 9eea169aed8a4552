/** Limits for the brokers to which shovels connect. */

/** Octets of a file named in the URI of a shovel, such as a certificate or key: the link fails beyond. */
export const LINK_FILE_BYTES_MAX = 1_048_576

/** Average octets of a message in each frame beyond the first LINK_FRAMES_MIN: the link fails below. */
export const LINK_OCTETS_PER_FRAME = 512

/** Frames that a message may have however short it is. */
export const LINK_FRAMES_MIN = 1_000

/** Messages that a shovel takes from its source before they are acknowledged, if src-prefetch-count is 0. */
export const SHOVEL_PREFETCH_MAX = 65_535

/**
 * Octets of replies that wait for the other broker while it sends more: beyond, it does not read, and the link fails.
 */
export const LINK_OUTPUT_BYTES_MAX = 1024 * 1024

/** Acknowledgements that wait for the other broker while it delivers more, at most the greatest prefetch: as above. */
export const LINK_ANSWERS_MAX = 65_536

/** Octets of messages that wait for the destination: beyond, nothing is read from the source until there are fewer. */
export const LINK_WAITING_BYTES_MAX = 64 * 1024 * 1024

/** ms from the login at both ends until consuming starts, declarations included: the link fails beyond. */
export const LINK_START_MS_MAX = 120_000
