/**
 * A simulated network for DTLS tests: a clock that jumps from event to event and one link with delay, jitter (hence
 * reordering), loss and duplication. Everything but the ephemeral keys follows from one seed.
 */
import type { Endpoint } from "../../../src/address.ts";
import { formatEndpoint } from "../../../src/address.ts";
import type { AdmissionLimits } from "../../../src/media/dtls/admission.ts";
import { DtlsAdmission } from "../../../src/media/dtls/admission.ts";
import type { DtlsAssociationOptions, DtlsPath } from "../../../src/media/dtls/association.ts";
import { DtlsAssociation } from "../../../src/media/dtls/association.ts";
import type { DtlsCertificate } from "../../../src/media/dtls/certificate.ts";
import { certificateFingerprint, generateCertificate } from "../../../src/media/dtls/certificate.ts";
import { DtlsCookies } from "../../../src/media/dtls/cookies.ts";
import type { DtlsCounters } from "../../../src/media/dtls/counters.ts";
import { newDtlsCounters } from "../../../src/media/dtls/counters.ts";
import type { DtlsEvent } from "../../../src/media/dtls/event.ts";
import type { Fingerprint } from "../../../src/media/dtls/fingerprint.ts";
import type { DtlsRole } from "../../../src/media/dtls/setup.ts";
import { Random } from "../ice/network.ts";

export { Random } from "../ice/network.ts";

export const START = 1_800_000_000_000;

export function certificate(cipher: "prime256v1" | "RSA" = "prime256v1", rsaKeySize = 2_048): Promise<DtlsCertificate> {
  const options = { commonName: "sluice-test", cipher, rsaKeySize, signature: "SHA-256" } as const;
  return generateCertificate(options, START, new Random(rsaKeySize));
}

export const CALLER_CERTIFICATE = await certificate();
export const CALLEE_CERTIFICATE = await certificate();
export const RSA_CERTIFICATE = await certificate("RSA");

export function sha256(of: DtlsCertificate): Fingerprint {
  return certificateFingerprint(of, "sha-256");
}

export interface Quality {
  readonly loss?: number;
  /** One-way, milliseconds. */
  readonly delay?: readonly [min: number, max: number];
  readonly duplicates?: number;
}

interface Packet {
  readonly at: number;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

export type PartyOptions = Partial<Omit<DtlsAssociationOptions, "output" | "event">> & {
  readonly role: DtlsRole;
  readonly path?: DtlsPath;
  readonly limits?: Partial<AdmissionLimits>;
};

/** One association with its address, and everything it said. */
export class Party {
  readonly events: DtlsEvent[] = [];
  readonly sent: Uint8Array[] = [];
  readonly counters: DtlsCounters;
  readonly association: DtlsAssociation;
  path: DtlsPath;
  /** Where our datagrams go when the association does not say. */
  remote: Endpoint | undefined;

  constructor(
    readonly network: Network,
    readonly endpoint: Endpoint,
    { path, limits, ...options }: PartyOptions,
  ) {
    this.path = path ?? "validated";
    this.counters = options.counters ?? newDtlsCounters();
    const random = new Random(network.random.below(2 ** 31));
    this.association = new DtlsAssociation({
      certificate: CALLER_CERTIFICATE,
      random,
      cookies: new DtlsCookies(random),
      admission: new DtlsAdmission(network.now, limits),
      counters: this.counters,
      ...options,
      output: (bytes, to) => {
        this.sent.push(bytes);
        const destination = to ?? this.remote;
        if (destination) network.send(endpoint, destination, bytes);
      },
      event: (event) => this.events.push(event),
    });
    network.parties.set(formatEndpoint(endpoint), this);
  }

  start(): void {
    this.association.start(this.network.now);
  }

  receive(bytes: Uint8Array, from: Endpoint): void {
    this.association.input(bytes, this.network.now, { endpoint: from, path: this.path });
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  connected(): Extract<DtlsEvent, { kind: "connected" }> {
    const event = this.events.findLast(({ kind }) => kind === "connected");
    if (event?.kind !== "connected") throw new Error(`not connected: ${JSON.stringify(this.events)}`);
    return event;
  }
}

export class Network {
  now = START;
  readonly random: Random;
  readonly parties = new Map<string, Party>();
  quality: Quality;
  /** Sees every datagram; what it returns is delivered instead, undefined nothing. */
  tamper: ((bytes: Uint8Array, from: Endpoint) => Uint8Array | undefined) | undefined;
  #packets: Packet[] = [];

  constructor(seed: number, quality: Quality = {}) {
    this.random = new Random(seed);
    this.quality = quality;
  }

  send(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    const tampered = this.tamper ? this.tamper(Uint8Array.from(bytes), from) : bytes;
    if (!tampered) return;
    const { loss = 0, delay = [10, 10], duplicates = 0 } = this.quality;
    if (this.random.next() < loss) return;
    const copies = this.random.next() < duplicates ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const at = this.now + delay[0] + this.random.next() * (delay[1] - delay[0]);
      this.#packets.push({ at, from, to, bytes: tampered });
    }
  }

  /** Plays everything until `until` (milliseconds from now), or until nothing is left to happen. */
  run(until = 120_000): void {
    const end = this.now + until;
    for (;;) {
      this.#packets.sort((a, b) => a.at - b.at);
      const packet = this.#packets[0];
      let due: Party | undefined;
      for (const party of this.parties.values()) {
        const timer = party.association.nextTimer;
        if (timer !== undefined && (due === undefined || timer < due.association.nextTimer!)) due = party;
      }
      const timer = due?.association.nextTimer;
      if (packet && (timer === undefined || packet.at <= timer)) {
        if (packet.at > end) break;
        this.now = Math.max(this.now, packet.at);
        this.#packets.shift();
        // A fresh copy: what an association keeps must not depend on the caller's memory.
        const bytes = Uint8Array.from(packet.bytes);
        this.parties.get(formatEndpoint(packet.to))?.receive(bytes, packet.from);
        bytes.fill(0xee);
      } else if (timer !== undefined) {
        if (timer > end) break;
        this.now = Math.max(this.now, timer);
        due!.association.timeout(this.now);
      } else break;
    }
    this.now = Math.max(this.now, Math.min(end, this.now));
  }

  advance(milliseconds: number): void {
    this.run(milliseconds);
    this.now += milliseconds;
  }
}

export const CALLER: Endpoint = { address: "192.0.2.10", port: 40_000 };
export const CALLEE: Endpoint = { address: "198.51.100.7", port: 30_000 };

/** A caller that begins and a callee that waits, each knowing the other's fingerprint. */
export function pair(
  network: Network,
  active: Partial<PartyOptions> = {},
  passive: Partial<PartyOptions> = {},
): { caller: Party; callee: Party } {
  const callerCertificate = active.certificate ?? CALLER_CERTIFICATE;
  const calleeCertificate = passive.certificate ?? CALLEE_CERTIFICATE;
  const peers = { caller: sha256(calleeCertificate), callee: sha256(callerCertificate) };
  const caller = new Party(network, CALLER, {
    role: "active",
    certificate: callerCertificate,
    peer: peers.caller,
    ...active,
  });
  const callee = new Party(network, CALLEE, {
    role: "passive",
    certificate: calleeCertificate,
    peer: peers.callee,
    ...passive,
  });
  caller.remote = CALLEE;
  callee.remote = CALLER;
  return { caller, callee };
}
