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

/** Largest media datagram relayed, bytes: jumbo frames pass, larger ones are counted as errors. */
export const MAX_PACKET = 9_216;
