/** The bounds of what other brokers may do to which shovels connect. */

/** Octets of a file that the address of a shovel names, certificates and keys: the link fails beyond. */
export const LINK_FILE_BYTES_MAX = 1_048_576

/** Octets of a message from a shovel's other broker for each frame that it may come in, beyond the first ones: the link fails beyond. */
export const LINK_OCTETS_PER_FRAME = 512

/** Frames that such a message may have however short it is. */
export const LINK_FRAMES_MIN = 1_000

/** Messages that a shovel takes from its source before they are acknowledged, where src-prefetch-count is 0. */
export const SHOVEL_PREFETCH_MAX = 65_535

/** Octets that wait for the other broker while it sends more: it does not read what it is answered, and the link fails. */
export const LINK_OUTPUT_BYTES_MAX = 1024 * 1024

/** Acknowledgements that wait for it while it delivers more, which are no more than the greatest prefetch: the same. */
export const LINK_ANSWERS_MAX = 65_536

/** ms from the login at both ends to the first message, declarations among them: the link fails beyond. */
export const LINK_START_MS_MAX = 120_000
