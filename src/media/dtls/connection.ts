/**
 * One DTLS 1.2 connection over an unreliable path (RFC 6347): records, reassembly, flights with their timers, alerts. What
 * the messages mean is up to the {@link Handshake} it was made for. Time is an argument; datagrams go out by a callback
 * during the call that caused them. Nothing that comes in makes it throw.
 */
import { MAX_DTLS_EARLY_RECORDS } from "../../limits.ts";
import type { DtlsCounters } from "./counters.ts";
import type { FlightItem, RecordState } from "./flight.ts";
import { packFlight } from "./flight.ts";
import type { Handshake, HandshakeResult, HandshakeStep } from "./handshake.ts";
import type { RecordProtection } from "./protection.ts";
import { ReplayWindow } from "./protection.ts";
import { Reassembly, readFragments } from "./reassembly.ts";
import type { RecordView } from "./record.ts";
import { plainRecord, readRecord, readRecords } from "./record.ts";
import { GIVE_UP, LONGEST_TIMEOUT, REPEAT_GAP, SAFE_MTU, TIMEOUTS_BEFORE_SMALLER } from "./timing.ts";
import { ALERT, ALERT_LEVEL, alertName, CONTENT, DTLS_1_2, DtlsFault, HANDSHAKE, RECORD_HEADER_SIZE } from "./wire.ts";

export interface ConnectionOptions {
  /** Longest datagram sent, bytes. */
  readonly mtu: number;
  /** Milliseconds. */
  readonly initialTimeout: number;
  readonly counters: DtlsCounters;
  readonly send: (datagram: Uint8Array) => void;
  /** Number of the first record sent: a server continues where the ClientHello was (RFC 6347 section 4.2.1). */
  readonly firstRecord?: number;
}

export type ConnectionState = "handshaking" | "connected" | "failed" | "closed";

/** Why a connection failed: a fault in the handshake, the peer's certificate, the peer's alert, or silence. */
export interface ConnectionFailure {
  readonly kind: "protocol" | "certificate" | "alert" | "timeout";
  readonly reason: string;
}

export interface ReceivedAlert {
  readonly level: "warning" | "fatal";
  /** As RFC 5246 section 7.2 names it. */
  readonly description: string;
  /** False: anybody who can send from the peer's address may have made it up. */
  readonly authenticated: boolean;
}

export class DtlsConnection {
  #state: ConnectionState = "handshaking";
  #failure: ConnectionFailure | undefined;
  #result: HandshakeResult | undefined;
  readonly #handshake: Handshake;
  readonly #options: ConnectionOptions;
  readonly #reassembly: Reassembly;
  readonly #records: RecordState;
  #read: RecordProtection | undefined;
  readonly #replay = new ReplayWindow();
  /** Records of epoch 1 that came before its keys. */
  #early: Uint8Array[] = [];
  #alerts: ReceivedAlert[] = [];
  #flight: readonly FlightItem[] = [];
  #flightBegun = 0;
  #sentAt = 0;
  #timeouts = 0;
  #timeout = 0;
  #deadline: number | undefined;
  /** Our Finished has been sent, so alerts are protected too. */
  #sealing = false;

  constructor(handshake: Handshake, options: ConnectionOptions) {
    this.#handshake = handshake;
    this.#options = options;
    this.#reassembly = new Reassembly(handshake.firstSequence);
    this.#records = { sequences: [options.firstRecord ?? 0, 0], protection: undefined };
    options.counters.started++;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Set when the state is `failed`. */
  get failure(): ConnectionFailure | undefined {
    return this.#failure;
  }

  /** Set once connected. */
  get result(): HandshakeResult | undefined {
    return this.#result;
  }

  /** When {@link timeout} is due; undefined while nothing waits for the peer. */
  get nextTimer(): number | undefined {
    return this.#deadline;
  }

  /** Alerts received since the last call. */
  takeAlerts(): readonly ReceivedAlert[] {
    const alerts = this.#alerts;
    this.#alerts = [];
    return alerts;
  }

  /** Sends a client's first flight. */
  begin(now: number): void {
    this.#guarded(() => this.#perform(this.#handshake.begin(), now));
  }

  /** One datagram from the peer. Its bytes may be overwritten afterwards. */
  receive(datagram: Uint8Array, now: number): void {
    if (this.#state === "failed" || this.#state === "closed") return;
    const { records, whole } = readRecords(datagram);
    if (!whole) this.#options.counters.malformed++;
    this.#guarded(() => {
      for (const record of records) this.#record(record, now);
    });
  }

  /** Repeats the flight if its time has come. */
  timeout(now: number): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    if (now - this.#flightBegun >= GIVE_UP) {
      this.#end("failed", { kind: "timeout", reason: `no answer for ${Math.round(GIVE_UP / 1_000)} s` });
      return;
    }
    this.#timeouts++;
    this.#timeout = Math.min(this.#timeout * 2, LONGEST_TIMEOUT);
    this.#repeat(now);
  }

  /** Tells the peer that we are done, as far as it can be told. */
  close(): void {
    if (this.#state === "connected") this.#sendAlert(ALERT_LEVEL.warning, ALERT.closeNotify);
    else if (this.#state === "handshaking") this.#sendAlert(ALERT_LEVEL.fatal, ALERT.userCanceled);
    this.#end("closed", undefined);
  }

  /** Ends the connection because the owner refuses the peer's certificate after all. */
  refuseCertificate(): void {
    this.#sendAlert(ALERT_LEVEL.fatal, ALERT.badCertificate);
    this.#end("closed", undefined);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      // Whatever a message of the peer sets off ends its handshake and nothing else.
      const fault =
        error instanceof DtlsFault
          ? error
          : new DtlsFault(ALERT.internalError, error instanceof Error ? error.message : String(error));
      if (this.#state === "handshaking") this.#sendAlert(ALERT_LEVEL.fatal, fault.alert);
      this.#end("failed", { kind: fault.kind, reason: fault.reason });
    }
  }

  #end(state: "failed" | "closed", failure: ConnectionFailure | undefined): void {
    if (this.#state === "handshaking" && state === "failed") this.#options.counters.failed++;
    this.#state = state;
    this.#failure = failure;
    this.#deadline = undefined;
    this.#flight = [];
    this.#early = [];
  }

  #record(record: RecordView, now: number): void {
    const { counters } = this.#options;
    // An alert in this datagram may just have ended the connection.
    if (this.#state === "failed" || this.#state === "closed") return;
    if (record.epoch === 0) this.#plainRecord(record, now);
    else if (record.epoch > 1) counters.unexpected++;
    else if (this.#read) this.#sealedRecord(this.#read, record, now);
    else if (this.#early.length < MAX_DTLS_EARLY_RECORDS) {
      const end = record.at + RECORD_HEADER_SIZE + record.fragment.length;
      this.#early.push(record.bytes.slice(record.at, end));
    } else counters.unexpected++;
  }

  #plainRecord({ type, fragment }: RecordView, now: number): void {
    // The epoch in the record header says what ChangeCipherSpec would; it may be lost or late without harm.
    if (type === CONTENT.changeCipherSpec) return;
    if (this.#state === "connected" || type === CONTENT.applicationData) this.#options.counters.unexpected++;
    else if (type === CONTENT.alert) this.#alert(fragment, false);
    else this.#fragments(fragment, false, now);
  }

  #sealedRecord(protection: RecordProtection, record: RecordView, now: number): void {
    const { counters } = this.#options;
    if (!this.#replay.isNew(record.sequence)) {
      counters.replayedRecords++;
      return;
    }
    const plaintext = protection.open(record);
    if (!plaintext) {
      counters.badRecords++;
      return;
    }
    this.#replay.accept(record.sequence);
    if (record.type === CONTENT.alert) this.#alert(plaintext, true);
    else if (record.type === CONTENT.handshake) this.#fragments(plaintext, true, now);
    else counters.unexpected++;
  }

  #fragments(bytes: Uint8Array, sealed: boolean, now: number): void {
    const { counters } = this.#options;
    const fragments = readFragments(bytes);
    if (!fragments) {
      counters.malformed++;
      return;
    }
    for (const fragment of fragments) {
      // Only Finished is protected. HelloRequest and all renegotiation are ignored (RFC 5246 section 7.4.1.1).
      if ((fragment.type === HANDSHAKE.finished) !== sealed) counters.unexpected++;
      else {
        const fate = this.#reassembly.add(fragment);
        if (fate === "refused") counters.refusedFragments++;
        if (fate === "old") this.#peerRepeats(now);
      }
    }
    for (let message = this.#reassembly.take(); message; message = this.#reassembly.take()) {
      if (this.#state !== "handshaking") {
        counters.unexpected++;
        continue;
      }
      this.#perform(this.#handshake.receive(message), now);
    }
  }

  #perform({ flight, keys, result }: HandshakeStep, now: number): void {
    if (keys) {
      this.#read = keys.read;
      this.#records.protection = keys.write;
    }
    if (flight) {
      this.#flight = flight;
      this.#flightBegun = now;
      this.#timeouts = 0;
      this.#timeout = this.#options.initialTimeout;
      this.#sealing = flight.some(({ kind }) => kind === "sealed");
      this.#transmit(now);
    }
    if (result) {
      this.#result = result;
      this.#state = "connected";
      this.#options.counters.completed++;
      // A server keeps its last flight: the client repeats its own until it has it. A client has nothing left to repeat.
      this.#deadline = undefined;
      if (!flight) this.#flight = [];
    }
    if (keys) {
      const early = this.#early;
      this.#early = [];
      for (const bytes of early) this.#record(readRecord(bytes)!, now);
    }
  }

  /** The peer has not seen our flight (RFC 6347 section 4.2.4, "read retransmit"). */
  #peerRepeats(now: number): void {
    if (this.#flight.length > 0 && now - this.#sentAt >= REPEAT_GAP) this.#repeat(now);
  }

  #repeat(now: number): void {
    this.#options.counters.retransmissions++;
    this.#transmit(now);
  }

  #transmit(now: number): void {
    const { mtu, send } = this.#options;
    const limit = this.#timeouts >= TIMEOUTS_BEFORE_SMALLER ? Math.min(mtu, SAFE_MTU) : mtu;
    this.#sentAt = now;
    if (this.#state === "handshaking") this.#deadline = now + this.#timeout;
    for (const datagram of packFlight(this.#flight, limit, this.#records)) send(datagram);
  }

  #alert(bytes: Uint8Array, authenticated: boolean): void {
    if (bytes.length !== 2) {
      this.#options.counters.malformed++;
      return;
    }
    const level = bytes[0] === ALERT_LEVEL.fatal ? "fatal" : "warning";
    const description = bytes[1]!;
    const name = alertName(description);
    this.#alerts.push({ level, description: name, authenticated });
    if (description === ALERT.closeNotify && this.#state === "connected") {
      this.#sendAlert(ALERT_LEVEL.warning, ALERT.closeNotify);
      this.#end("closed", undefined);
    } else if (level === "fatal" || description === ALERT.closeNotify || description === ALERT.userCanceled) {
      this.#end(this.#state === "connected" ? "closed" : "failed", { kind: "alert", reason: `the peer says ${name}` });
    }
  }

  #sendAlert(level: number, description: number): void {
    const body = Uint8Array.of(level, description);
    const { protection, sequences } = this.#records;
    this.#options.send(
      this.#sealing && protection
        ? protection.seal(CONTENT.alert, 1, sequences[1]++, body)
        : plainRecord(CONTENT.alert, DTLS_1_2, sequences[0]++, body),
    );
  }
}
