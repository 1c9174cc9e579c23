/**
 * DTLS datagrams: random bytes, whole recorded handshakes with datagrams mutated, dropped, repeated and mixed, and each parser
 * by itself. Whatever comes, nothing throws; an association without the peer's key never gets keys; a handshake ends with
 * equal keys on both sides or with none on one; limits hold; timers lie ahead.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import type { Endpoint } from "../../src/address.ts";
import { MAX_DTLS_EARLY_DATAGRAMS } from "../../src/limits.ts";
import { DtlsAdmission } from "../../src/media/dtls/admission.ts";
import { DtlsAssociation } from "../../src/media/dtls/association.ts";
import type { DtlsCertificate } from "../../src/media/dtls/certificate.ts";
import { DtlsCookies } from "../../src/media/dtls/cookies.ts";
import { newDtlsCounters } from "../../src/media/dtls/counters.ts";
import {
  bitString,
  der,
  integer,
  objectIdentifier,
  SEQUENCE,
  SET,
  time,
  utf8String,
} from "../../src/media/dtls/der.ts";
import type { DtlsEvent } from "../../src/media/dtls/event.ts";
import { fingerprintOf } from "../../src/media/dtls/fingerprint.ts";
import {
  glimpseClientHello,
  readClientHello,
  readHelloVerifyRequest,
  readServerHello,
} from "../../src/media/dtls/hello.ts";
import {
  readCertificate,
  readCertificateRequest,
  readCertificateVerify,
  readClientKeyExchange,
  readServerKeyExchange,
} from "../../src/media/dtls/messages.ts";
import { readPeerCertificate } from "../../src/media/dtls/peer-certificate.ts";
import { Reassembly, readFragments } from "../../src/media/dtls/reassembly.ts";
import { readRecords } from "../../src/media/dtls/record.ts";
import type { DtlsRole } from "../../src/media/dtls/setup.ts";
import { DtlsFault } from "../../src/media/dtls/wire.ts";
import type { FuzzTarget } from "./target.ts";

const START = 1_800_000_000_000;
const PEER: Endpoint = { address: "203.0.113.9", port: 9_000 };

/** The certificates of a fuzz run are made without waiting: `run` is synchronous. */
function certificate(): DtlsCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const algorithm = der(SEQUENCE, objectIdentifier("1.2.840.10045.4.3.2"));
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, objectIdentifier("2.5.4.3"), utf8String("fuzz"))));
  const validity = der(SEQUENCE, time(START), time(START + 1));
  const key = publicKey.export({ format: "der", type: "spki" });
  const body = der(SEQUENCE, integer(Uint8Array.of(1)), algorithm, name, validity, name, key);
  const bytes = der(SEQUENCE, body, algorithm, bitString(sign("sha256", body, privateKey)));
  return { keyType: "ec", privateKey, chain: [bytes], notBefore: START, notAfter: START + 1 };
}

const OURS = certificate();
const THEIRS = certificate();
const fingerprint = (of: DtlsCertificate) => fingerprintOf(of.chain[0]!, "sha-256");

class Generator {
  readonly #draw: () => number;

  constructor(draw: () => number) {
    this.#draw = draw;
  }

  below(limit: number): number {
    return Math.floor(this.#draw() * limit);
  }

  chance(probability: number): boolean {
    return this.#draw() < probability;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Bytes that get past the record header. */
  record(): Uint8Array {
    const body = this.bytes(this.below(80));
    if (body.length >= 12 && this.chance(0.7)) {
      body.set([
        this.pick([1, 2, 3, 11, 12, 13, 14, 15, 16, 20]),
        0,
        0,
        body.length - 12,
        0,
        this.below(4),
        0,
        0,
        0,
        0,
        0,
      ]);
      body[11] = body.length - 12;
    }
    const header = [
      this.pick([20, 21, 22, 22, 22, 23]),
      0xfe,
      this.pick([0xfd, 0xff]),
      0,
      this.below(3),
      0,
      0,
      0,
      0,
      0,
    ];
    return Uint8Array.of(...header, this.below(256), body.length >> 8, body.length, ...body);
  }

  mutate(bytes: Uint8Array): Uint8Array {
    let out = bytes.slice();
    for (let n = 1 + this.below(3); n > 0; n--) {
      const at = this.below(out.length || 1);
      switch (this.below(5)) {
        case 0:
          out[at] = this.below(256);
          break;
        case 1:
          out[at] = (out[at] ?? 0) ^ (1 << this.below(8));
          break;
        case 2:
          out = out.slice(0, at);
          break;
        case 3:
          out = Uint8Array.of(...out, ...this.record());
          break;
        default:
          // Lengths and offsets are where parsers fall over.
          out[this.pick([11, 12, 14, 15, 16, 19, 20, 21, 22, 23, 24])] = this.below(256);
      }
    }
    return out;
  }
}

interface Side {
  readonly association: DtlsAssociation;
  readonly events: DtlsEvent[];
  sent: Uint8Array[];
}

const BODY_READERS: readonly ((body: Uint8Array) => unknown)[] = [
  readClientHello,
  readServerHello,
  readHelloVerifyRequest,
  readCertificate,
  readServerKeyExchange,
  readCertificateRequest,
  readClientKeyExchange,
  readCertificateVerify,
  readPeerCertificate,
];

class Subject {
  readonly #generator: Generator;
  now = START;
  /** Every datagram seen on the wire, for replays. */
  #seen: Uint8Array[] = [];

  constructor(generator: Generator) {
    this.#generator = generator;
  }

  side(role: DtlsRole): Side {
    const events: DtlsEvent[] = [];
    const random = { bytes: (count: number) => this.#generator.bytes(count) };
    const side: Side = {
      events,
      sent: [],
      association: new DtlsAssociation({
        role,
        certificate: role === "active" ? OURS : THEIRS,
        peer: this.#generator.chance(0.9) ? fingerprint(role === "active" ? THEIRS : OURS) : undefined,
        random,
        cookies: new DtlsCookies(random),
        admission: new DtlsAdmission(this.now),
        counters: newDtlsCounters(),
        mtu: this.#generator.pick([256, 576, 1_200]),
        output: (bytes) => side.sent.push(bytes),
        event: (event) => events.push(event),
      }),
    };
    return side;
  }

  /** Garbage and replays into an association that has no honest peer: it must not get keys. */
  attack(side: Side, bytes: Uint8Array): string | undefined {
    const g = this.#generator;
    const path = g.pick(["validated", "open", "pending"] as const);
    side.association.input(bytes, this.now, { endpoint: { ...PEER, port: PEER.port + g.below(4) }, path });
    if (g.chance(0.1)) side.association.validated(PEER, this.now);
    this.now += g.pick([0, 1, 100, 5_000]);
    side.association.timeout(this.now);
    side.sent = [];
    return (
      this.#checked(side) ?? (side.events.some(({ kind }) => kind === "connected") ? "keys from nobody" : undefined)
    );
  }

  /** A whole handshake over a bad path. */
  handshake(): string | undefined {
    const g = this.#generator;
    const active = this.side("active");
    const passive = this.side("passive");
    active.association.start(this.now);
    const trouble = g.pick([0, 0.05, 0.3]);
    for (let round = 0; round < 30; round++) {
      for (const [from, to] of [
        [active, passive],
        [passive, active],
      ] as const) {
        const datagrams = from.sent;
        from.sent = [];
        if (g.chance(0.2)) datagrams.reverse();
        for (const datagram of datagrams) {
          if (this.#seen.length < 500) this.#seen.push(datagram);
          const arriving = [datagram];
          if (g.chance(trouble)) arriving[0] = g.pick([g.mutate(datagram), g.record(), g.pick(this.#seen)]);
          if (g.chance(trouble)) arriving.push(datagram);
          for (const bytes of arriving) to.association.input(Uint8Array.from(bytes), this.now);
        }
      }
      this.now += 1_000;
      for (const side of [active, passive]) {
        side.association.timeout(this.now);
        const problem = this.#checked(side);
        if (problem) return problem;
      }
      if (round === 10) active.association.setPeer(fingerprint(THEIRS), this.now);
      if (round === 10) passive.association.setPeer(fingerprint(OURS), this.now);
    }
    const [ours, theirs] = [active, passive].map(({ events }) =>
      events.filter(({ kind }) => kind === "connected").at(-1),
    );
    if (trouble === 0 && (!ours || !theirs)) return `an undisturbed handshake fails: ${JSON.stringify(active.events)}`;
    if (ours?.kind === "connected" && theirs?.kind === "connected") {
      const [a, b] = [ours.localKeys.masterKey, theirs.remoteKeys.masterKey].map((key) =>
        Buffer.from(key).toString("hex"),
      );
      const once = [active, passive].every(
        ({ events }) => events.filter(({ kind }) => kind === "connected").length === 1,
      );
      if (once && a !== b) return "both are connected with different keys";
    }
    return undefined;
  }

  /** A datagram of a real handshake, mutated, or one made up. */
  datagram(): Uint8Array {
    const g = this.#generator;
    const kind = g.below(4);
    if (kind === 0) return g.bytes(g.below(100));
    if (kind === 1 || this.#seen.length === 0) return g.record();
    return kind === 2 ? g.mutate(g.pick(this.#seen)) : g.pick(this.#seen);
  }

  parse(bytes: Uint8Array): void {
    const g = this.#generator;
    glimpseClientHello(bytes);
    const reassembly = new Reassembly(0);
    for (const { fragment } of readRecords(bytes).records) {
      for (const piece of readFragments(fragment) ?? []) reassembly.add(piece);
    }
    for (let message = reassembly.take(); message; message = reassembly.take()) this.#body(message.body);
    this.#body(bytes.subarray(g.below(30)));
  }

  #body(body: Uint8Array): void {
    for (const read of BODY_READERS) {
      try {
        read(body);
      } catch (error) {
        if (!(error instanceof DtlsFault)) throw error;
      }
    }
  }

  #checked({ association }: Side): string | undefined {
    const next = association.nextTimer;
    if (next !== undefined && next <= this.now) return "a timer lies in the past after its call";
    const { earlyDatagrams } = association.view();
    return earlyDatagrams > MAX_DTLS_EARLY_DATAGRAMS ? `${earlyDatagrams} early datagrams` : undefined;
  }
}

/** A handshake costs as much as hundreds of datagrams. */
const HANDSHAKE_EVERY = 250;
const CASES_PER_SUBJECT = 2_000;

export const target: FuzzTarget = {
  name: "dtls",
  run(cases, random) {
    const generator = new Generator(random);
    const failures: string[] = [];
    let subject = new Subject(generator);
    let attacked: readonly Side[] = [];
    for (let i = 0; i < cases; i++) {
      let bytes: Uint8Array = new Uint8Array(0);
      let problem: string | undefined;
      try {
        if (i % CASES_PER_SUBJECT === 0) {
          subject = new Subject(generator);
          problem = subject.handshake();
          attacked = [subject.side("passive"), subject.side("active"), subject.side("active")];
          attacked[1]!.association.start(subject.now);
        } else if (i % HANDSHAKE_EVERY === 0) problem = subject.handshake();
        else {
          bytes = subject.datagram();
          subject.parse(bytes);
          problem = subject.attack(generator.pick(attacked), bytes);
        }
      } catch (error) {
        problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
      }
      if (problem) failures.push(`case ${i}: ${problem}; bytes ${Buffer.from(bytes).toString("hex")}`);
    }
    return { cases, failures };
  },
};
