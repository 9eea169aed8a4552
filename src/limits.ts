/**
 * All limits of the broker, except those of operations/tail-limits.ts, security/login-limits.ts,
 * shovel/link-limits.ts and util/pattern/pattern-limits.ts: the unit of each, and what happens beyond it.
 */

/** Outstanding deliveries that one diagnosis of a queue examines; further ones are not reported. */
export const DIAGNOSIS_DELIVERIES_MAX = 100_000

/** ms from the TCP connection to connection.open; then the socket is closed. */
export const HANDSHAKE_MS_MAX = 10_000

/** Octets of a frame before the client has logged in; beyond: 501 and the socket is closed. */
export const FRAME_BYTES_MAX_BEFORE_LOGIN = 8192

/** The same if a version of RabbitMQ before 4.1 is announced. */
export const FRAME_BYTES_MAX_BEFORE_LOGIN_3 = 4096

/** Octets of a frame, and so of a table of headers or arguments: 501 beyond, and frame_max may not be set higher. */
export const FRAME_BYTES_MAX = 131_072

/** Nesting of received tables and arrays: 501 beyond, over HTTP 400 (RabbitMQ has no limit of its own). */
export const TABLE_DEPTH_MAX = 64

/** Nesting of tables that the broker makes, such as traces of traces: deeper values are left out of a trace. */
export const TABLE_DEPTH_INSIDE_MAX = 128

/** Values in the body of an HTTP request, or in one piece of long definitions, as many as a frame holds: 400 beyond. */
export const JSON_VALUES_MAX = 131_072

/** Nesting of lists and objects in the body of an HTTP request or in a definitions file: 400 beyond. */
export const JSON_DEPTH_MAX = 100

/** Octets; the smallest frame_max that a client may ask for: 530 below. */
export const FRAME_BYTES_MIN = 4096

/** ms within which a client must read some of its pending output; then its connection is closed. */
export const SEND_MS_MAX = 30_000

/** ms for a whole HTTP request; then its connection is closed. */
export const HTTP_REQUEST_MS_MAX = 300_000

/** Channels open at once on one connection: 530 beyond. */
export const CHANNELS_MAX = 2047

/** Heartbeat interval in seconds that the server proposes. */
export const HEARTBEAT_SECONDS = 60

/** ms between a refused login and the end of the connection, so that guessing is slow. */
export const LOGIN_REFUSED_MS = 3_000

/** ms that a client has to answer the server's connection.close; then the socket is closed. */
export const CLOSE_OK_MS_MAX = 30_000

/** ms between the close that follows unreadable input and the end of the socket: no reply can be read any more. */
export const FRAME_ERROR_MS = 1_000

/** ms that a socket has to send its last octets after its end was announced; then it is closed. */
export const SOCKET_END_MS = 1_000

/** ms that connections have to complete their closing when the broker stops; then their sockets are closed. */
export const SHUTDOWN_MS_MAX = 3_000

/** ms that a stopping broker then waits for a slow disk: beyond, work that the next start can do is left to it. */
export const ENDING_MS_MAX = 5_000

/** ms that a stop may take, in case the disk never answers: beyond, the process ends without the rest. */
export const STOP_MS_MAX = 60_000

/** Octets of a message's body unless configured: 406 beyond. RabbitMQ 4's default. */
export const MESSAGE_BYTES_MAX = 16_777_216

/** The same if a version of RabbitMQ before 4.0 is announced. */
export const MESSAGE_BYTES_MAX_BEFORE_4 = 134_217_728

/** Octets of a body, whatever is configured: 501 beyond. */
export const CONTENT_BYTES_MAX = 536_870_912

/** Octets of memory that are allocated for the announced size of a body; the rest is allocated as the body arrives. */
export const CONTENT_BYTES_AHEAD = 1_114_112

/** Octets waiting for a client's socket above which it gets no deliveries until it has drained. */
export const OUTPUT_BYTES_HIGH = 1024 * 1024

/** Octets waiting for a client's socket above which its requests are not read until it has drained. */
export const OUTPUT_BYTES_MAX = 8 * 1024 * 1024

/** Octets published but not yet on disk above which connections are not read. */
export const COMMIT_BYTES_MAX = 32 * 1024 * 1024

/** Octets of messages that must leave memory but have not yet, above which connections are not read. */
export const LEAVING_BYTES_MAX = 8 * 1024 * 1024

/** The same as COMMIT_BYTES_MAX while the disk is low: data being published when the alarm is raised has to fit. */
export const COMMIT_BYTES_MAX_LOW_DISK = 4 * 1024 * 1024

/** The disk counts as low while its free octets exceed the limit of the alarm by less than this. */
export const DISK_LOW_BYTES = 1024 * 1024 * 1024

/** Octets of free disk below which the alarm is raised whatever its limit: operations in progress need room to end. */
export const DISK_FREE_MIN = 24 * 1024 * 1024

/** Octets published in an open transaction, and of target queue lists in all of them: 406 beyond, discarding it. */
export const TRANSACTION_BYTES_MAX = 268_435_456
export const TRANSACTION_ROUTES_BYTES_MAX = 268_435_456
/** Octets and number of the copies that the commit of a transaction makes, while no publish is confirmed: 406 beyond. */
export const TRANSACTION_COPIES_BYTES_MAX = 536_870_912
export const TRANSACTION_COPIES_MAX = 1_048_576

/** Consumers of one channel: 530 beyond. */
export const CONSUMERS_PER_CHANNEL_MAX = 65_535

/** Routes that a channel caches, in slots by hash: a route replaces the one in its slot. */
export const ROUTES_PER_CHANNEL = 256

/** Octets that are read from one connection in one turn of the event loop; then other connections come first. */
export const READ_BYTES_PER_TURN = 256 * 1024

/** Copies of messages, one for each queue they go to, that are made in one turn; publishers share them. */
export const COPIES_PER_TURN = 65_536

/** Queues that one message goes to in one turn; for more, the copies are made in steps, and the publisher waits. */
export const FAN_OUT_QUEUES = 10_000

/** Octets of the copies of one message that are made in one turn; more are made in steps, and the publisher waits. */
export const FAN_OUT_BYTES = 32 * 1024 * 1024

/** Copies of such a message in one step. */
export const FAN_OUT_PER_STEP = 500

/** Octets of the copies of a dead-lettered or a delayed message: beyond, it is set aside. */
export const FAN_OUT_OWN_BYTES_MAX = 128 * 1024 * 1024

/** ms until a long job checks again whether memory and disk can take more. */
export const JOB_WAIT_MS = 20

/** ms for which requests of one connection are handled in one turn; then other connections come first. */
export const TURN_MS = 20

/** ms for which requests of all connections together are handled in one turn; others wait for the next turn. */
export const INPUT_MS_PER_TURN = 40

/** ms for the ends of connections in one turn; further ones are handled in the next turns. */
export const ENDINGS_MS_PER_TURN = 10

/** Bindings, their fields, words of keys and pieces of text hashed to route a message: 406 beyond. */
export const ROUTING_STEPS_MAX = 2_000_000
export const HASHED_PER_STEP = 8

/** Queues that are served in a turn even if its time is used up; further ones wait. */
export const QUEUES_SERVED_AT_LEAST = 1_000

/** ms after the end of that time after which these queues wait, too: each may have large headers to rewrite. */
export const QUEUES_SERVED_MS_MORE = 20

/** Octets of a message from which on a queue checks the time after each message that it rewrites on delivery. */
export const REWRITTEN_BYTES_LARGE = 4_096

/** Deliveries that a queue makes between two checks of the time. */
export const DELIVERIES_BETWEEN_LOOKS = 256

/** Messages that a queue drops in one turn, expired or beyond its limit; dead-lettered ones count 25 times. */
export const DISCARDED_PER_TURN_MAX = 50_000

/** ms for all long jobs together in one turn, and steps of one of them. */
export const JOBS_MS_PER_TURN = 10
export const JOB_STEPS_PER_TURN = 40

/** Changes of stored objects that wait behind the current batch: beyond, long jobs pause for JOB_PAUSE_MS. */
export const JOB_WRITES_BEHIND_MAX = 1_000
export const JOB_PAUSE_MS = 2
/** ms after which a step of pieces of unequal length ends, however few pieces are done. */
export const STEP_MS = 1

/** Deliveries that are settled or requeued in one step; the connection of the client waits until all are done. */
export const SETTLED_PER_STEP = 500

/** The same for rejected deliveries, each of which may be dead-lettered. */
export const REJECTED_PER_STEP = 50

/** Copies of messages that the commit of a transaction makes in one step, and their octets. */
export const COMMITTED_PER_STEP = 250
export const COMMITTED_BYTES_PER_STEP = 1024 * 1024
/** ms after the beginning of a large commit in which further ones may come into the same batch. */
export const LARGE_COMMITS_MS = 20

/** Consumers that are notified in one step that they have credit again, or that their queue's settings have changed. */
export const RESUMED_PER_STEP = 100

/** Consumers that are cancelled in one step. */
export const CANCELLED_PER_STEP = 50

/** Channels of an ended connection that are closed in one step, if they have no consumers and no deliveries. */
export const CHANNELS_PER_STEP = 50

/** Connections that are closed, or unblocked after an alarm, in one step, if there are very many. */
export const FORCED_PER_STEP = 5

/** Objects of definitions that are exported or imported in one turn. */
export const DEFINITIONS_PER_TURN = 250

/** Octets of long JSON that are parsed in one turn. */
export const JSON_PARSED_PER_TURN = 256 * 1024

/** Octets of imported definitions that the store has not applied yet: beyond, the import waits for it. */
export const DEFINITIONS_UNAPPLIED_BYTES_MAX = 8_388_608

/** Octets of definitions over HTTP that are no strict JSON, parsed in one turn: 400 beyond. Files may have 4 MiB. */
export const LENIENT_BYTES_MAX = 524_288

/** Octets of one object of long definitions, parsed in one turn, and of parts that are no lists: 400 beyond. */
export const DEFINITION_BYTES_MAX = 1_114_112

/** Names at the top level of long definitions: 400 beyond. */
export const DEFINITION_NAMES_MAX = 1_000

/** Objects of imported definitions that are written together; of more, a crash may leave only the first ones. */
export const DEFINITIONS_PER_BATCH = 1_000

/** Objects that are due, such as queues that expire, that are handled in one step. */
export const DUE_PER_STEP = 10

/** Messages that expire in the middle of a queue, and may all be dead-lettered, between two checks of the time. */
export const EXPIRED_PER_LOOK = 25

/** Messages of one queue or channel whose time is over that are handled at once; then other work comes first. */
export const TIMED_PER_PIECE = 50

/** Queues, exchanges and bindings that are made, changed or removed in one step. */
export const OBJECTS_PER_STEP = 10

/** Dead letters refused by full queues: per message, all waiting (beyond: publishers wait), octets of all (beyond: dropped). */
export const REFUSED_LETTERS_MAX = 1_000
export const REFUSED_WAITING_MANY = 8_192
export const REFUSED_WAITING_BYTES_MAX = 32 * 1024 * 1024
export const REFUSED_PER_STEP = 10
/** ms for which the copies of one message for several queues are made at once; further ones are made in steps. */
export const FAN_OUT_MS = 5
/** Deduplication values that are removed in one step. */
export const FORGOTTEN_PER_STEP = 250

/** Publishes of an uncommitted transaction, however small: 406 beyond. Each takes some 512 octets of memory. */
export const TRANSACTION_PUBLISHES_MAX = 524_288
/** The same for its commands that acknowledge or reject: some 150 octets each. */
export const TRANSACTION_SETTLES_MAX = 1_048_576

/** Octets of waiting messages in memory; beyond, the middle of long queues waits on disk. */
export const MESSAGE_MEMORY_BYTES = 16 * 1024 * 1024

/** ms for which a connection that publishes much is paused for consumers whose sockets are full. */
export const CONGESTION_PAUSE_MS = 10

/** ms without such pauses after one in which no consumer's socket drained. */
export const CONGESTION_RETRY_MS = 1_000

/** ms between attempts to dead-letter a message that its queue must not lose. */
export const DEAD_LETTER_RETRY_MS = 1_000
/** The longest such time, for those that fail because of an internal error again and again. */
export const DEAD_LETTER_RETRY_MS_MAX = 60_000

/** ms after which a queue, or delayed messages, go on after a failure. */
export const CONTINUES_MS = 1_000

/** Dead letters of a queue that are held back during an alarm; further expired messages stay in the queue. */
export const HELD_BACK_MAX = 1_000

/** Values that deduplication remembers by default, the oldest being forgotten; and the largest x-cache-size. */
export const DEDUPLICATION_ENTRIES = 65_536
export const DEDUPLICATION_ENTRIES_MAX = 4_194_304

/** Octets that an x-recent-history exchange keeps, whatever its length: the oldest go, larger messages are not kept. */
export const HISTORY_BYTES_MAX = 16 * 1024 * 1024

/** Octets of arguments of the consumers of one channel: 530 beyond. */
export const CONSUMER_ARGUMENTS_BYTES_MAX = 4 * 1024 * 1024

/** Octets of x-death: beyond, the oldest entries keep only queue, reason, exchange and count. */
export const DEATHS_BYTES_MAX = 64 * 1024

/** Entries of x-death: beyond, a message never rejected is dropped as in a cycle; others lose the oldest entry. */
export const DEATHS_MAX = 1_000

/** Segments of a stream that are dropped in one step, too old or too many. */
export const RETIRED_PER_STEP = 100

/** Delayed messages that are put in order, or handed to their exchanges, in one step. */
export const DELAYED_PER_STEP = 50

/** Deliveries of a channel that have timed out and may still be settled without an error. */
export const TIMED_OUT_TAGS_MAX = 65_536

/** The longest LOGIN_REFUSED_MS, for an address that has been refused again and again. */
export const LOGIN_REFUSED_MS_MAX = 30_000

/** Addresses whose refused logins are remembered; beyond, the oldest are forgotten. */
export const LOGIN_ADDRESSES_MAX = 10_000

/** Octets of the body of an HTTP request, definitions files among them: 413 beyond. */
export const HTTP_BODY_BYTES_MAX = 64 * 1024 * 1024

/** Octets of the body of a request without a message or definitions: 413 beyond. */
export const HTTP_OBJECT_BYTES_MAX = 2 * 1024 * 1024

/** Octets of the value of a parameter, in JSON: 400 beyond. */
export const PARAMETER_BYTES_MAX = 1_048_576

/** Octets of longer bodies of HTTP requests that are being read or handled, together: 503 beyond. */
export const HTTP_BODIES_BYTES_MAX = 256 * 1024 * 1024

/** Octets of such bodies of one user: 503 beyond. */
export const HTTP_BODIES_BYTES_OF_USER_MAX = 160 * 1024 * 1024

/** Octets of a body from which on it counts as long. */
export const HTTP_BODY_BYTES_SHORT = 65_536

/** Lists and exported definitions over HTTP that are being made for one user: 503 beyond. */
export const LONG_ANSWERS_OF_USER_MAX = 16

/** Answers of the metrics port with a line for each object that are being made: beyond, 503, or one of an address with more ends. */
export const METRICS_REPORTS_MAX = 8

/** ms that such a response may take; then its connection is closed. */
export const METRICS_REPORT_MS_MAX = 60_000

/** Octets of the body of POST /api/login, which needs no login: 413 beyond. */
export const LOGIN_BODY_BYTES_MAX = 64 * 1024

/** Connections that have not opened a vhost yet: beyond, the oldest of the address with the most of them is closed. */
export const UNAUTHENTICATED_MAX = 4_096

/** The share of these connections that one address can have: beyond, its own oldest one is closed. */
export const UNAUTHENTICATED_SHARE = 3 / 4

/** Minimum limit of file descriptors for a broker to start: some 35 are open without clients. */
export const DESCRIPTORS_MIN = 64

/** Connections of the HTTP port, without WebSockets, and of the metrics port: beyond, one of the address with the most is closed. */
export const HTTP_CONNECTIONS_MAX = 1_024

/** HTTP connections without a request or a login so far: beyond, the oldest of the address with the most of them is closed. */
export const HTTP_IDLE_MAX = 256

/** Octets that an HTTP parser gets at a time: some forty requests at most, which may be answered together. */
export const HTTP_PIECE_BYTES = 1024

/** Octets of a request's body that are collected before they are passed on, however small the pieces that arrive. */
export const HTTP_BODY_JOINED_BYTES = 16 * 1024

/** ms for the headers of an HTTP request: the connection is closed beyond. */
export const HTTP_HEADERS_MS_MAX = 10_000

/** ms without an octet that is due in either direction of an HTTP connection: closed then, or after SEND_MS_MAX. */
export const HTTP_STALL_MS_MAX = 60_000

/** Maximum ms that a login waits if its address has been refused again and again. */
export const LOGIN_DELAY_MS_MAX = 5_000

/** Internal errors that are logged one by one per minute; further ones are counted, and their number is logged. */
export const FAILURES_LOGGED_PER_MINUTE = 100

/** Samples of a number's history in one response of the HTTP API, minus one: refused beyond, as in RabbitMQ. */
export const HISTORY_SAMPLES_MAX = 500

/** Messages that one HTTP request gets from a queue; a request for more gets this many. */
export const TAKEN_MESSAGES_MAX = 10_000

/** Octets of their bodies after which no further message is taken. */
export const TAKEN_BYTES_MAX = 33_554_432

/** Log lines per minute about each thing that clients can do before they log in; further ones are counted. */
export const DOOR_LINES_PER_MINUTE = 60

/** Set-aside messages that one response lists: those that were set aside first. */
export const PARKED_LISTED_MAX = 10_000

/** Deliveries that broke their connections and are remembered in a queue; beyond, the oldest are forgotten. */
export const SUSPECTS_MAX = 1_000

/** Consumers whose queue is compared with the scopes of a new token in one step. */
export const RECHECKED_PER_STEP = 4

/** Lines of the log that are kept for requests; the oldest are dropped. */
export const LOG_LINES_MAX = 1000

/** Characters of those lines; the oldest are dropped. */
export const LOG_LINES_BYTES_MAX = 1_048_576
