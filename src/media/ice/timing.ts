/**
 * Times of an ICE agent in milliseconds. They are RFC 8445's, shortened where a media relay on a public address can expect
 * answers sooner than a client behind a NAT.
 */

/** Time between two new checks of one agent, "Ta" (RFC 8445 section 14.2 asks for at least 5 ms). */
export const CHECK_PACING = 20;

/** First retransmission after this time, each further one after twice the time (RFC 8489 section 6.2.1). */
export const RETRANSMISSION_TIMEOUT = 100;

/** Transmissions of one check, "Rc". */
export const TRANSMISSIONS = 7;

/** Wait for an answer after the last transmission, "Rm" = 16 times the first timeout: a check fails 7.9 s after it began. */
export const LAST_WAIT = 16 * RETRANSMISSION_TIMEOUT;

/** From the moment every component has a valid pair until we nominate: better pairs may still be on their way. */
export const NOMINATION_DELAY = 100;

/**
 * A peer that nominates aggressively marks every check, so a nomination of a *worse* pair only counts once the better one
 * has not been nominated again for this long. A peer that really moved keeps nominating its new pair.
 */
export const NOMINATION_SETTLE = 500;

/** No failure is declared earlier: candidates or checks of the peer may still come (RFC 8863 section 5). */
export const PATIENCE = 39_500;

/** Trickled candidates for credentials we have not been told yet are kept this long. */
export const EARLY_CANDIDATES_KEPT = 3_000;

/** Media that arrives on another validated pair moves the selected pair at most this often. */
export const FOLLOW_INTERVAL = 3_000;

/** Mean time between two consent checks; each wait is spread to 80-120 % (RFC 7675 section 5.1). */
export const CONSENT_INTERVAL = 5_000;

/** Consent ends this long after the last answer (RFC 7675 section 5.1). */
export const CONSENT_TIMEOUT = 30_000;

/** Silence of the peer that is worth telling the operator. */
export const STUN_SILENCE = 30_000;
