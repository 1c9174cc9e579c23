/**
 * The DTLS association of one media socket: handshakes in either role until one of them ends with the peer that SDP
 * names, then the SRTP keys of both directions (RFC 5763, RFC 5764). No socket, no timer: its owner hands in datagrams and
 * the time, keeps one timer for {@link DtlsAssociation.nextTimer}, and gets datagrams and events through callbacks, always
 * during one of its own calls.
 *
 *     const association = new DtlsAssociation({ role, certificate, peer, random, cookies, admission, counters, output, event });
 *     association.start(now);                         // the remote endpoint is known (with ICE: usable)
 *     association.input(bytes, now, { endpoint, path }); // content types 20-63, from the hand-up queue
 *     association.validated(endpoint, now);           // ICE validated a source that may have sent something before
 *     association.setPeer(fingerprint, now);          // SDP arrived, or changed
 *     association.restart({ role, peer }, now);       // by the rules of `setup.ts`
 *
 * A party that has offered `actpass` is a passive association without a peer until the answer comes, since the answerer's
 * ClientHello may overtake its SDP; if the answer makes us active, `restart`.
 *
 * A stranger who answers in time or knows our port can at worst begin a handshake beside the peer's own; it ends at the
 * fingerprint. Nothing in the clear touches a connection that is established.
 */
import type { Endpoint } from "../../address.ts";
import { formatEndpoint } from "../../address.ts";
import { DTLS_ASSOCIATION_BURST, DTLS_ASSOCIATION_RATE, MAX_DTLS_HANDSHAKES } from "../../limits.ts";
import type { DtlsAdmission } from "./admission.ts";
import { TokenBucket } from "./admission.ts";
import type { DtlsCertificate } from "./certificate.ts";
import { ClientHandshake } from "./client.ts";
import type { ConnectionFailure } from "./connection.ts";
import { DtlsConnection } from "./connection.ts";
import type { DtlsCookies } from "./cookies.ts";
import type { DtlsCounters } from "./counters.ts";
import { EarlyDatagrams } from "./early.ts";
import type { DtlsEvent } from "./event.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { fingerprintOf, hasFingerprint, sameFingerprint } from "./fingerprint.ts";
import type { Handshake, HandshakeOptions, HandshakeResult } from "./handshake.ts";
import type { HelloGlimpse } from "./hello.ts";
import { emitHelloVerifyRequest, glimpseClientHello } from "./hello.ts";
import type { RandomSource } from "./random-source.ts";
import { handshakeMessage } from "./reassembly.ts";
import { plainRecord, readRecords } from "./record.ts";
import { ServerHandshake } from "./server.ts";
import type { DtlsRole } from "./setup.ts";
import type { SrtpProfile } from "./srtp-profiles.ts";
import { SRTP_PROFILES, srtpKeys } from "./srtp-profiles.ts";
import type { CipherSuite } from "./suites.ts";
import { CIPHER_SUITES } from "./suites.ts";
import { INITIAL_TIMEOUT, MAX_ATTEMPTS, RETRY_DELAY } from "./timing.ts";
import { CONTENT, DTLS_1_0, HANDSHAKE } from "./wire.ts";

export type { DtlsRole } from "./setup.ts";

/** `dtls-mtu`. Bytes of one datagram without IP and UDP headers. */
export const DEFAULT_DTLS_MTU = 1_200;

export interface DtlsAssociationOptions {
  readonly role: DtlsRole;
  readonly certificate: DtlsCertificate;
  /** From the peer's SDP; undefined while that is not known. */
  readonly peer?: Fingerprint | undefined;
  readonly random: RandomSource;
  /** These three are shared by all associations of the process. */
  readonly cookies: DtlsCookies;
  readonly admission: DtlsAdmission;
  readonly counters: DtlsCounters;
  /** Longest datagram, bytes; default {@link DEFAULT_DTLS_MTU}. */
  readonly mtu?: number;
  /** From `dtls-ciphers`; default all we have. */
  readonly suites?: readonly CipherSuite[];
  readonly profiles?: readonly SrtpProfile[];
  /** First retransmission timer, milliseconds; default 1,000 (RFC 6347 section 4.2.4.1). */
  readonly initialTimeout?: number;
  /**
   * Send these bytes. `to` is where the client of this handshake was last heard (with ICE the owner may prefer the selected
   * pair); undefined: wherever media goes. The bytes are the callee's to keep.
   */
  readonly output: (datagram: Uint8Array, to: Endpoint | undefined) => void;
  readonly event: (event: DtlsEvent) => void;
}

/**
 * `validated`: ICE has checked the pair. `pending`: ICE is in use and has not yet. `open`: there is no ICE, so a peer that
 * begins has to prove its address by a cookie.
 */
export type DtlsPath = "validated" | "pending" | "open";

export interface DtlsSource {
  readonly endpoint: Endpoint;
  readonly path: DtlsPath;
}

/**
 * `waiting`: nothing begun. `unverified`: handshake complete, SDP missing. `failed`: nothing more is tried until
 * {@link DtlsAssociation.setPeer} or {@link DtlsAssociation.restart}.
 */
export type DtlsState = "waiting" | "handshaking" | "unverified" | "connected" | "failed" | "closed";

export interface DtlsView {
  readonly state: DtlsState;
  readonly role: DtlsRole;
  readonly profile: string | undefined;
  readonly cipher: string | undefined;
  readonly extendedMasterSecret: boolean | undefined;
  /** Milliseconds from the first datagram of the handshake in force to its end. */
  readonly handshakeTime: number | undefined;
  readonly handshakes: number;
  readonly earlyDatagrams: number;
}

/** A handshake under way, or the connection that came out of it. */
interface Attempt {
  readonly connection: DtlsConnection;
  readonly begun: number;
  /** Milliseconds it took; undefined while under way. */
  took: number | undefined;
  /** Where the client was last heard. Undefined for our own handshakes: they go where media goes. */
  to: Endpoint | undefined;
  /** The client's random, by which its repetitions are told from a new handshake. Empty for our own. */
  readonly hello: string;
}

/** All validated paths are one: ICE may move a handshake from pair to pair. */
const VALIDATED = "";

/** A handshake that is not complete after this (milliseconds) makes room for a newcomer's. */
const STALE = 2_000;

export class DtlsAssociation {
  #role: DtlsRole;
  #certificate: DtlsCertificate;
  #peer: Fingerprint | undefined;
  readonly #options: DtlsAssociationOptions;
  readonly #early = new EarlyDatagrams();
  /** Handshakes under way: our own, or those of clients by where they come from. */
  readonly #attempts = new Map<string, Attempt>();
  /** The connection in force. */
  #established: Attempt | undefined;
  /** Complete, waiting for SDP to say which of them is the peer; oldest first. */
  #unverified: Attempt[] = [];
  #state: DtlsState = "waiting";
  #starts: TokenBucket | undefined;
  #started = false;
  /** Changes when everything begins again, possibly while we are telling the owner something. */
  #generation = 0;
  #handshakes = 0;
  /** Failed attempts of the active role in a row, and when the next is due. */
  #failures = 0;
  /** The certificate that the handshake just failed by; told once its alert is out. */
  #refused: { readonly certificate: Uint8Array; readonly expected: Fingerprint } | undefined;
  #retryAt: number | undefined;

  constructor(options: DtlsAssociationOptions) {
    this.#options = options;
    this.#role = options.role;
    this.#certificate = options.certificate;
    this.#peer = options.peer;
  }

  get role(): DtlsRole {
    return this.#role;
  }

  get state(): DtlsState {
    if (this.#state !== "waiting") return this.#state;
    return this.#attempts.size > 0 || this.#retryAt !== undefined ? "handshaking" : "waiting";
  }

  /** When {@link timeout} has to be called, on the clock of the `now` arguments; undefined: not at all for now. */
  get nextTimer(): number | undefined {
    let next = this.#retryAt;
    for (const { connection } of this.#attempts.values()) {
      const timer = connection.nextTimer;
      if (timer !== undefined && (next === undefined || timer < next)) next = timer;
    }
    return next;
  }

  /** The remote endpoint is known (with ICE: usable): an active association begins. Further calls change nothing. */
  start(now: number): void {
    this.#started = true;
    const idle = this.#attempts.size === 0 && this.#retryAt === undefined;
    if (this.#role === "active" && this.#state === "waiting" && idle) this.#beginClient(now);
  }

  /** A datagram from the peer, or from somebody who says so. Without `from` its path counts as validated. */
  input(datagram: Uint8Array, now: number, from?: DtlsSource): void {
    const { counters } = this.#options;
    if (this.#state === "closed") {
      counters.unexpected++;
      return;
    }
    if (from?.path === "pending") {
      counters.earlyKept++;
      if (!this.#early.keep(from.endpoint, datagram)) counters.earlyDropped++;
      return;
    }
    const { records } = readRecords(datagram);
    if (records.length === 0) {
      counters.malformed++;
      return;
    }
    // Protected records find their connection by their keys, wherever they come from. A repeated last flight of a client has
    // its Finished behind records in the clear.
    const known = records.some(({ epoch }) => epoch > 0) && this.#receiveComplete(datagram, now);
    if (this.#role === "passive" && !this.#admitHello(datagram, now, from)) return;
    const attempt = this.#attempts.get(this.#key(from));
    if (attempt) this.#receive(attempt, datagram, now, from);
    else if (!known) counters.unexpected++;
  }

  /** ICE has validated this source: what it sent before is taken up now. */
  validated(endpoint: Endpoint, now: number): void {
    for (const datagram of this.#early.take(endpoint)) this.input(datagram, now, { endpoint, path: "validated" });
  }

  /** Retransmissions and further attempts that are due. Harmless when none is. */
  timeout(now: number): void {
    if (this.#retryAt !== undefined && now >= this.#retryAt) {
      this.#retryAt = undefined;
      this.#beginClient(now);
    }
    for (const [key, attempt] of [...this.#attempts]) {
      // The owner may have begun anew when it heard what became of the one before.
      if (this.#attempts.get(key) !== attempt) continue;
      attempt.connection.timeout(now);
      this.#settle(key, attempt, now);
    }
  }

  /**
   * The fingerprint from the peer's SDP. A handshake that waited for it is decided now; one other than before means another
   * peer, so everything begins again.
   */
  setPeer(fingerprint: Fingerprint, now: number): void {
    if (sameFingerprint(this.#peer, fingerprint)) return;
    const changed = this.#peer !== undefined;
    this.#peer = fingerprint;
    if (changed) {
      this.restart({}, now);
      return;
    }
    const waiting = this.#unverified;
    if (waiting.length === 0) return;
    // The last of them: a peer that began anew has forgotten the ones before.
    const right = waiting.findLast(({ connection }) => hasFingerprint(certificateOf(connection), fingerprint));
    this.#verify(right ?? waiting.at(-1)!, now);
  }

  /**
   * Forgets all connections and begins again, in another role or with another certificate where these are given. Keys of
   * before stay in force at the owner's until `connected` comes again.
   */
  restart(
    change: { readonly role?: DtlsRole; readonly certificate?: DtlsCertificate; readonly peer?: Fingerprint },
    now: number,
  ): void {
    this.#role = change.role ?? this.#role;
    this.#certificate = change.certificate ?? this.#certificate;
    this.#peer = change.peer ?? this.#peer;
    this.#generation++;
    this.#attempts.clear();
    this.#established = undefined;
    this.#unverified = [];
    this.#refused = undefined;
    this.#state = "waiting";
    this.#failures = 0;
    this.#retryAt = undefined;
    if (this.#started) this.start(now);
  }

  /** Says goodbye (close_notify) where there is somebody to hear it. Nothing is sent or accepted afterwards. */
  close(): void {
    if (this.#state === "closed") return;
    this.#generation++;
    for (const { connection } of [...this.#attempts.values(), ...this.#complete()]) connection.close();
    this.#attempts.clear();
    this.#established = undefined;
    this.#unverified = [];
    this.#early.clear();
    this.#retryAt = undefined;
    this.#state = "closed";
    this.#options.event({ kind: "closed", by: "us" });
  }

  view(): DtlsView {
    const current = this.#established ?? this.#unverified.at(-1);
    const result = current?.connection.result;
    return {
      state: this.state,
      role: this.#role,
      profile: result?.profile.name,
      cipher: result?.suite.name,
      extendedMasterSecret: result?.extendedMasterSecret,
      handshakeTime: current?.took,
      handshakes: this.#handshakes,
      earlyDatagrams: this.#early.size,
    };
  }

  // --- the passive role -----------------------------------------------------------------------------------------------

  /** False if the datagram begins with a ClientHello that is refused. */
  #admitHello(datagram: Uint8Array, now: number, from: DtlsSource | undefined): boolean {
    const hello = glimpseClientHello(datagram);
    if (!hello) return true;
    const id = Buffer.from(hello.random).toString("latin1");
    // A copy of a hello whose handshake is complete.
    if (this.#complete().some((attempt) => attempt.hello === id)) {
      this.#options.counters.unexpected++;
      return false;
    }
    const key = this.#key(from);
    return this.#attempts.get(key)?.hello === id || this.#beginServer(key, id, hello, now, from);
  }

  /** False if this ClientHello is not worth a handshake. */
  #beginServer(key: string, id: string, hello: HelloGlimpse, now: number, from: DtlsSource | undefined): boolean {
    const { counters } = this.#options;
    const open = from?.path === "open" ? from.endpoint : undefined;
    if (open && !this.#provesAddress(open, hello, now)) return false;
    if (!this.#attempts.has(key) && this.#attempts.size >= MAX_DTLS_HANDSHAKES && !this.#makeRoom(open, now)) {
      counters.refusedAssociation++;
      return false;
    }
    this.#starts ??= new TokenBucket(DTLS_ASSOCIATION_BURST, DTLS_ASSOCIATION_RATE, now);
    if (!this.#starts.take(now)) {
      counters.refusedAssociation++;
      return false;
    }
    const admitted = this.#options.admission.admit(open?.address, now);
    if (admitted !== "yes") {
      counters[admitted === "source" ? "refusedSource" : "refusedTotal"]++;
      return false;
    }
    const handshake = new ServerHandshake(this.#handshakeOptions(), hello.messageSequence);
    // A new hello from where one came before: the client has started over.
    this.#begin(key, handshake, { to: from?.endpoint, hello: id, firstRecord: hello.recordSequence, now });
    return true;
  }

  /** Drops the oldest handshake if it is stale, or if the newcomer is on a path that ICE has validated. */
  #makeRoom(open: Endpoint | undefined, now: number): boolean {
    const [oldest] = this.#attempts;
    if (!oldest || (open && now - oldest[1].begun < STALE)) return false;
    this.#attempts.delete(oldest[0]);
    return true;
  }

  /** True if the cookie is right; otherwise a cookie goes out. */
  #provesAddress(source: Endpoint, hello: HelloGlimpse, now: number): boolean {
    const { cookies, admission, counters, output } = this.#options;
    if (hello.cookie.length > 0) {
      if (cookies.check(source, hello.random, hello.cookie, now)) return true;
      counters.wrongCookies++;
    }
    if (!admission.admitCookie(now)) {
      counters.refusedTotal++;
      return false;
    }
    const body = emitHelloVerifyRequest(cookies.make(source, hello.random, now));
    const { bytes } = handshakeMessage(HANDSHAKE.helloVerifyRequest, hello.messageSequence, body);
    counters.cookiesSent++;
    output(plainRecord(CONTENT.handshake, DTLS_1_0, hello.recordSequence, bytes), source);
    return false;
  }

  // --- both roles -----------------------------------------------------------------------------------------------------

  #beginClient(now: number): void {
    const handshake = new ClientHandshake(this.#handshakeOptions());
    const attempt = this.#begin(VALIDATED, handshake, { to: undefined, hello: "", now });
    attempt.connection.begin(now);
    this.#settle(VALIDATED, attempt, now);
  }

  #begin(
    key: string,
    handshake: Handshake,
    start: { to: Endpoint | undefined; hello: string; firstRecord?: number; now: number },
  ): Attempt {
    const { mtu, initialTimeout, counters, output } = this.#options;
    const { to, hello, firstRecord, now } = start;
    const attempt: Attempt = {
      connection: new DtlsConnection(handshake, {
        mtu: mtu ?? DEFAULT_DTLS_MTU,
        initialTimeout: initialTimeout ?? INITIAL_TIMEOUT,
        counters,
        send: (datagram) => output(datagram, attempt.to),
        ...(firstRecord === undefined ? {} : { firstRecord }),
      }),
      begun: now,
      took: undefined,
      to,
      hello,
    };
    this.#attempts.delete(key);
    this.#attempts.set(key, attempt);
    this.#handshakes++;
    // What failed before is not the last word: a new handshake is under way.
    if (this.#state === "failed") this.#state = "waiting";
    return attempt;
  }

  #handshakeOptions(): HandshakeOptions {
    const { profiles, suites, random } = this.#options;
    return {
      certificate: this.#certificate,
      profiles: profiles ?? SRTP_PROFILES,
      suites: suites ?? CIPHER_SUITES,
      random,
      accepts: (certificate) => {
        const expected = this.#peer;
        if (!expected || hasFingerprint(certificate, expected)) return true;
        this.#refused = { certificate: certificate.slice(), expected };
        return false;
      },
    };
  }

  #mismatch(certificate: Uint8Array, expected: Fingerprint): void {
    this.#options.counters.fingerprintMismatches++;
    const actual = fingerprintOf(certificate, expected.hash);
    this.#options.event({ kind: "fingerprint-mismatch", expected, actual });
  }

  #key(from: DtlsSource | undefined): string {
    return this.#role === "passive" && from?.path === "open" ? formatEndpoint(from.endpoint) : VALIDATED;
  }

  #receive(attempt: Attempt, datagram: Uint8Array, now: number, from: DtlsSource | undefined): void {
    if (this.#role === "passive" && from) attempt.to = from.endpoint;
    attempt.connection.receive(datagram, now);
    this.#settle(this.#key(from), attempt, now);
  }

  #complete(): readonly Attempt[] {
    return this.#established ? [this.#established, ...this.#unverified] : this.#unverified;
  }

  /** Repetitions of a last flight, and alerts. False if there is no complete connection. */
  #receiveComplete(datagram: Uint8Array, now: number): boolean {
    const complete = this.#complete();
    for (const attempt of complete) {
      const { connection } = attempt;
      connection.receive(datagram, now);
      this.#tellAlerts(connection);
      // The owner may have acted on an alert.
      if (!this.#complete().includes(attempt)) break;
      if (connection.state !== "connected") this.#closedByPeer(attempt);
    }
    return complete.length > 0;
  }

  #closedByPeer(attempt: Attempt): void {
    this.#unverified = this.#unverified.filter((other) => other !== attempt);
    if (this.#established === attempt) this.#established = undefined;
    if (this.#complete().length > 0) return;
    // A passive association waits for the peer to come back; an active one, for what SDP says.
    this.#state = this.#role === "passive" ? "waiting" : "closed";
    this.#options.event({ kind: "closed", by: "peer" });
  }

  /** Draws the conclusions from what a handshake has become. */
  #settle(key: string, attempt: Attempt, now: number): void {
    const { connection } = attempt;
    this.#tellAlerts(connection);
    // The owner may have closed or restarted us when it heard of an alert or a mismatch.
    if (this.#attempts.get(key) !== attempt || connection.state === "handshaking") return;
    this.#attempts.delete(key);
    if (connection.state === "connected") this.#completed(attempt, now);
    else {
      const generation = this.#generation;
      const refused = this.#refused;
      this.#refused = undefined;
      if (refused) this.#mismatch(refused.certificate, refused.expected);
      if (generation === this.#generation) this.#failed(connection.failure, now);
    }
  }

  #completed(attempt: Attempt, now: number): void {
    attempt.took = now - attempt.begun;
    if (this.#peer) {
      this.#verify(attempt, now);
      return;
    }
    this.#unverified.push(attempt);
    if (this.#unverified.length > MAX_DTLS_HANDSHAKES) this.#unverified.shift();
    this.#state = "unverified";
    this.#options.event({ kind: "unverified" });
  }

  /** Is a complete handshake that of the peer SDP names? Whatever else was complete or under way is of no interest now. */
  #verify(attempt: Attempt, now: number): void {
    const { connection } = attempt;
    const expected = this.#peer!;
    this.#unverified = [];
    if (hasFingerprint(certificateOf(connection), expected)) {
      this.#established = attempt;
      this.#state = "connected";
      this.#failures = 0;
      this.#attempts.clear();
      this.#options.event(this.#connectedEvent(connection.result!, expected));
      return;
    }
    if (!this.#established) this.#state = "waiting";
    connection.refuseCertificate();
    const generation = this.#generation;
    this.#mismatch(certificateOf(connection), expected);
    if (generation !== this.#generation) return;
    this.#failed({ kind: "certificate", reason: "the fingerprint of the peer's certificate differs" }, now);
  }

  #connectedEvent({ profile, suite, material }: HandshakeResult, peerFingerprint: Fingerprint): DtlsEvent {
    const { client, server } = srtpKeys(profile, material);
    const active = this.#role === "active";
    return {
      kind: "connected",
      role: this.#role,
      suite: profile.suite,
      localKeys: active ? client : server,
      remoteKeys: active ? server : client,
      cipher: suite.name,
      peerFingerprint,
    };
  }

  #failed(failure: ConnectionFailure | undefined, now: number): void {
    const reason = failure?.reason ?? "the handshake was given up";
    let final = false;
    if (this.#role === "active") {
      // The wrong peer will not become the right one, and silence has been waited for long enough.
      final = failure?.kind === "certificate" || failure?.kind === "timeout" || ++this.#failures >= MAX_ATTEMPTS;
      if (!final) this.#retryAt = now + RETRY_DELAY * 2 ** (this.#failures - 1);
    }
    if (final) this.#state = "failed";
    this.#options.event({ kind: "failed", reason, final });
  }

  #tellAlerts(connection: DtlsConnection): void {
    for (const alert of connection.takeAlerts()) this.#options.event({ kind: "alert", ...alert });
  }
}

function certificateOf(connection: DtlsConnection): Uint8Array {
  return connection.result!.peerCertificate.der;
}
