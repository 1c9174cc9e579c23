/**
 * Every queue, map and history has a limit; each is named here with the reason for its size.
 */

/** A UDP datagram can carry no more; ng over TCP, HTTP and WebSocket is held to the same size. Bytes. */
export const MAX_NG_MESSAGE = 65_535;

/** Nesting of ng dictionaries and lists. Real requests need 4; OpenSIPS' own bracket parser stops at 8. */
export const MAX_NG_DEPTH = 32;

/** Cookie cache, entries per generation: 30 s of 10,000 requests/s would be 300,000; one entry is about 2 KiB. */
export const MAX_COOKIES = 100_000;

/** Cookie length. Kamailio's and OpenSIPS' stay below 40 bytes; a longer one is dropped as no cookie at all. */
export const MAX_COOKIE_LENGTH = 256;

/**
 * Replies in the cookie cache, bytes per generation: 64,000 replies of 2 KiB, several times what a client that repeats
 * five times in 5 s can still ask for at 10,000 requests/s. When full, the generation is closed early.
 */
export const MAX_COOKIE_BYTES = 134_217_728;

/** Requests that wait for the first one with the same cookie. Clients repeat five times. */
export const MAX_COOKIE_WAITERS = 64;

/** Templates named inside templates: real ones do not nest at all. */
export const MAX_TEMPLATE_DEPTH = 8;

/** Characters of a refused message that are shown in the log. */
export const MAX_LOGGED_MESSAGE = 2_048;

/** Control peers with counters of their own; further ones share the entry "other". */
export const MAX_CONTROL_PEERS = 1_024;

/** Distinct unknown flags remembered per control peer so that each is logged once. */
export const MAX_UNKNOWN_FLAGS = 256;

/** SDP text of one message, bytes: what still fits a datagram. */
export const MAX_SDP_SIZE = 65_535;

/** m= sections of one SDP. Large conference offers stay below 64. */
export const MAX_SECTIONS = 128;

/** Attributes of one SDP, over all sections. */
export const MAX_ATTRIBUTES = 4_096;

/** Remote ICE candidates kept per section, as the reference does. */
export const MAX_CANDIDATES = 100;

/** Parties (tags and branches) of one call. Wide forking rarely passes 20. */
export const MAX_LEGS = 64;

/** Alias tags of one leg. */
export const MAX_ALIASES = 32;

/** Calls at once where `max-sessions` is not set: what the port range can carry is the usual bound. */
export const MAX_CALLS = 100_000;

/** Local media sockets at once over all workers = slots of the shared stream table. */
export const MAX_SOCKETS = 131_072;

/** Receivers of one socket's packets: one per branch of a fork, subscribers later. */
export const MAX_SINKS = 8;

/** Sources of one socket that ICE has validated: a peer's interfaces and address families, before and after it moves. */
export const MAX_VALIDATED_SOURCES = 8;

/** Largest media datagram relayed, bytes: jumbo frames pass, larger ones are counted as errors. */
export const MAX_PACKET = 9_216;

/** Log text waiting to be written, bytes: what a stuck reader of stderr may cost us; later lines are dropped and counted. */
export const MAX_LOG_BACKLOG = 4 * 1_048_576;

/** Kinds of log line with a rate of their own; beyond it all kinds are forgotten and start with full buckets. */
export const MAX_LOG_CLASSES = 1_024;

/** Lines of one kind at once, and per second after that: 2,000 calls set up per second still get every line. */
export const LOG_BURST = 10_000;
export const LOG_RATE = 4_000;

/** Texts remembered for lines that are written at most once per 15 s. */
export const MAX_LOG_REPEATS = 4_096;

/** Calls with debugging switched on one by one. */
export const MAX_DEBUGGED_CALLS = 1_024;

/** Configuration file, bytes; a larger one is a mistake (a log, a disk image). */
export const MAX_CONFIG_SIZE = 1_048_576;

/** Attributes of one STUN message. Browsers send about 10; the rest is somebody making us search. */
export const MAX_STUN_ATTRIBUTES = 64;

/** Candidate pairs of one ICE agent (RFC 8445 section 6.1.2.5): the least likely make room for better ones. */
export const MAX_ICE_PAIRS = 100;

/** STUN checks of one ICE agent without an answer yet: 7.9 s of one check per 20 ms, rounded. */
export const MAX_ICE_TRANSACTIONS = 400;

/** Authenticated checks kept until the peer's credentials arrive: its interfaces times ours; the oldest goes first. */
export const MAX_EARLY_CHECKS = 16;

/** Refusals (400, 401) that one ICE agent sends per second: enough for diagnosis, useless for reflection. */
export const MAX_STUN_REFUSALS_PER_SECOND = 10;

/** Earlier port pairs a section keeps open: the branches of a fork that alternate with early media, and late packets. */
export const MAX_RETIRED_PORTS = 3;

/** Ports tried for one socket or pair while other programs hold them: 256 binds are below a millisecond. */
export const MAX_BIND_TRIES = 256;

/** Commands on their way to one relay worker (a power of two): 2,048 streams changing at once, a worker takes them in 1 ms. */
export const COMMAND_RING_RECORDS = 2_048;

/** Commands that wait on the main thread because a worker's ring is full: only while that worker is stuck. */
export const MAX_WAITING_COMMANDS = 131_072;

/** Packets and events on their way up from one worker, bytes: 700 of 1,400 bytes; beyond that they are counted and dropped. */
export const HAND_UP_RING_BYTES = 1 << 20;

/** Relay workers: more than any host has cores to give. */
export const MAX_WORKERS = 256;

/** One peer's handshake messages under reassembly, bytes: a certificate chain of RSA-8192 fits, a flood does not. */
export const MAX_DTLS_HANDSHAKE_BYTES = 24_576;

/** Handshake messages kept ahead of the one expected: the longest flight has five. */
export const MAX_DTLS_MESSAGES_AHEAD = 8;

/** Records of the next epoch kept until its keys are known: Finished, and what a fast peer sends after it. */
export const MAX_DTLS_EARLY_RECORDS = 4;

/** Datagrams of one association kept until ICE has validated their path: a ClientHello in pieces from two pairs. */
export const MAX_DTLS_EARLY_DATAGRAMS = 8;

/** Handshakes at once of one passive association: the peer's, its next attempt, and a stranger's that must not block them. */
export const MAX_DTLS_HANDSHAKES = 3;

/** RSA key of a peer, bits: larger ones would buy an attacker milliseconds of our time per handshake. */
export const MAX_DTLS_RSA_BITS = 8_192;

/** Handshakes that one passive association begins: at once, and per second after that. Real peers need one or two. */
export const DTLS_ASSOCIATION_BURST = 16;
export const DTLS_ASSOCIATION_RATE = 4;

/** Handshakes that one source address may begin: a gateway that re-establishes all its calls at once, then a busy one. */
export const DTLS_SOURCE_BURST = 1_000;
export const DTLS_SOURCE_RATE = 250;

/** Handshakes begun by all peers together: at 0.2 ms each a third of the main thread at most, the rest is signalling. */
export const DTLS_TOTAL_BURST = 1_000;
export const DTLS_TOTAL_RATE = 1_500;

/** Cookies sent per second, at 10 us each; a flood beyond that is not worth an answer. */
export const DTLS_COOKIE_RATE = 10_000;

/** Source addresses with a rate of their own (for IPv6: /64 networks); beyond that the idle ones go, then all share one. */
export const MAX_DTLS_SOURCES = 16_384;

/** TCP connections of controllers and operators at once, per listener: a cluster of proxies keeps a few dozen open. */
export const MAX_CONTROL_CONNECTIONS = 1_024;

/** Bytes of something that is no ng message, or of a command line without end, until its connection is closed. */
export const MAX_UNPARSED = 1_024;

/** Replies that a control connection has not taken, bytes; then it is closed. A list of 10,000 calls has 2 MiB. */
export const MAX_REPLY_BACKLOG = 16 * 1_048_576;

/** Body of an HTTP request, bytes: an ng message with its cookie. */
export const MAX_HTTP_BODY = 131_072;

/** Calls in one answer of the HTTP API; more are had page by page. */
export const MAX_LISTED_SESSIONS = 10_000;

/** Decisions of one call that are remembered for `query`: two ICE restarts with all their pairs, and what led to them. */
export const MAX_JOURNAL_ENTRIES = 100;
