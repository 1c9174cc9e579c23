/** Times of the handshake, milliseconds. */

/** First retransmission timer (RFC 6347 section 4.2.4.1); with ICE the owner knows the round trip and may give less. */
export const INITIAL_TIMEOUT = 1_000;

/** The timer doubles up to here: in call set-up a lost peer that comes back must not wait a minute (the RFC allows 60 s). */
export const LONGEST_TIMEOUT = 4_000;

/** A flight is given up after this. */
export const GIVE_UP = 60_000;

/** A peer that repeats its flight gets ours again at most this often; network duplicates are not answered. */
export const REPEAT_GAP = 50;

/** After this many timeouts of one flight its datagrams shrink to {@link SAFE_MTU}: large ones may be what is lost. */
export const TIMEOUTS_BEFORE_SMALLER = 2;

/** Fits 576 bytes of IPv4 with room for options. */
export const SAFE_MTU = 508;

/** An active association whose handshake failed tries again after this, doubled each time. */
export const RETRY_DELAY = 1_000;
export const MAX_ATTEMPTS = 4;

/** Cookies are valid for one to two of these. */
export const COOKIE_PERIOD = 60_000;
