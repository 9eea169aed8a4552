/** Names that the broker and its commands share about the data folder. */

/** The environment variable that sets the folder. */
export const DATA_DIR_VARIABLE = 'LEVERET_DATA_DIR'

/** The default folder, relative to the working directory. */
export const DEFAULT_DATA_DIR = 'leveret-data'

/** The socket in the folder through which commands reach the broker. */
export const CONTROL_SOCKET = 'control.sock'
