/** What the broker and its commands both have to know of the data folder. */

/** The environment variable that names the folder. */
export const DATA_DIR_VARIABLE = 'LEVERET_DATA_DIR'

/** The folder where nobody names one, below the working folder. */
export const DEFAULT_DATA_DIR = 'leveret-data'

/** The socket in the folder over which commands reach the broker. */
export const CONTROL_SOCKET = 'control.sock'
