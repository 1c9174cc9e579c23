/** The client's handshake (RFC 6347 figure 1): what an `active` endpoint does. */

import { checkCommonExtensions, clientExtensions, readUseSrtp } from "./extensions.ts";
import type { FlightItem } from "./flight.ts";
import type { KeyShare } from "./groups.ts";
import { GROUPS, newKeyShare } from "./groups.ts";
import type { Handshake, HandshakeOptions, HandshakeStep } from "./handshake.ts";
import type { ClientHello, Extensions, ServerHello } from "./hello.ts";
import { emitClientHello, RANDOM_BYTES, readHelloVerifyRequest, readServerHello } from "./hello.ts";
import { KeySchedule } from "./key-schedule.ts";
import {
  emitCertificate,
  emitClientKeyExchange,
  emitSigned,
  readCertificate,
  readCertificateRequest,
  readServerKeyExchange,
} from "./messages.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { readPeerCertificate } from "./peer-certificate.ts";
import type { HandshakeMessage } from "./reassembly.ts";
import { handshakeMessage } from "./reassembly.ts";
import { chooseScheme, SIGNATURE_SCHEMES, signWith, verifySignature } from "./signature.ts";
import type { SrtpProfile } from "./srtp-profiles.ts";
import type { CipherSuite } from "./suites.ts";
import { ALERT, DTLS_1_2, DtlsFault, EXTENSION, HANDSHAKE } from "./wire.ts";

const EMPTY = new Uint8Array(0);

/** A server asks for a cookie once; a second time covers its secret changing in between. */
const MAX_COOKIE_REQUESTS = 2;

interface Chosen {
  readonly hello: ServerHello;
  readonly suite: CipherSuite;
  readonly profile: SrtpProfile;
  readonly extended: boolean;
}

type Expecting = "hello" | "certificate" | "key-exchange" | "request-or-done" | "done" | "finished" | "nothing";

export class ClientHandshake implements Handshake {
  readonly side = "client";
  readonly firstSequence = 0;
  readonly #options: HandshakeOptions;
  readonly #schedule = new KeySchedule();
  readonly #random: Uint8Array;
  readonly #extensions: Extensions;
  #expecting: Expecting = "hello";
  #sequence = 0;
  #cookieRequests = 0;
  #chosen: Chosen | undefined;
  #peer: PeerCertificate | undefined;
  #share: KeyShare | undefined;
  #preMaster: Uint8Array = EMPTY;
  /** Signature schemes of CertificateRequest; undefined: we are not asked for a certificate. */
  #requested: readonly number[] | undefined;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#random = options.random.bytes(RANDOM_BYTES);
    this.#extensions = clientExtensions(options.profiles);
  }

  begin(): HandshakeStep {
    return { flight: [this.#hello(EMPTY)] };
  }

  receive(message: HandshakeMessage): HandshakeStep {
    const { type, body } = message;
    const expecting = this.#expecting;
    if (type === HANDSHAKE.helloVerifyRequest && expecting === "hello") return this.#helloVerifyRequest(body);
    if (type === HANDSHAKE.finished && expecting === "finished") return this.#finished(message);
    if (type === HANDSHAKE.serverHello && expecting === "hello") this.#serverHello(body);
    else if (type === HANDSHAKE.certificate && expecting === "certificate") this.#certificate(body);
    else if (type === HANDSHAKE.serverKeyExchange && expecting === "key-exchange") this.#keyExchange(body);
    else if (type === HANDSHAKE.certificateRequest && expecting === "request-or-done") {
      this.#requested = readCertificateRequest(body);
      this.#expecting = "done";
    } else if (type === HANDSHAKE.serverHelloDone && (expecting === "request-or-done" || expecting === "done")) {
      if (body.length > 0) throw new DtlsFault(ALERT.decodeError, "ServerHelloDone is too long");
      this.#schedule.record(message);
      return this.#answer();
    } else {
      throw new DtlsFault(ALERT.unexpectedMessage, `handshake message ${type} comes out of turn`);
    }
    this.#schedule.record(message);
    return {};
  }

  #message(type: number, body: Uint8Array): HandshakeMessage {
    const message = handshakeMessage(type, this.#sequence++, body);
    this.#schedule.record(message);
    return message;
  }

  #hello(cookie: Uint8Array): FlightItem {
    const hello: ClientHello = {
      version: DTLS_1_2,
      random: this.#random,
      sessionId: EMPTY,
      cookie,
      suites: this.#options.suites.map(({ id }) => id),
      compressions: Uint8Array.of(0),
      extensions: this.#extensions,
    };
    return { kind: "plain", message: this.#message(HANDSHAKE.clientHello, emitClientHello(hello)) };
  }

  #helloVerifyRequest(body: Uint8Array): HandshakeStep {
    if (++this.#cookieRequests > MAX_COOKIE_REQUESTS) {
      throw new DtlsFault(ALERT.unexpectedMessage, "the server does not take its own cookies");
    }
    this.#schedule.forget();
    return { flight: [this.#hello(readHelloVerifyRequest(body))] };
  }

  #serverHello(body: Uint8Array): void {
    const hello = readServerHello(body);
    if (hello.version !== DTLS_1_2) throw new DtlsFault(ALERT.protocolVersion, "the server does not speak DTLS 1.2");
    const suite = this.#options.suites.find(({ id }) => id === hello.suite);
    if (!suite || hello.compression !== 0) {
      throw new DtlsFault(ALERT.illegalParameter, "the server chose what was not offered");
    }
    for (const type of hello.extensions.keys()) {
      if (!this.#extensions.has(type)) {
        throw new DtlsFault(ALERT.unsupportedExtension, `the server answers extension ${type} that was not sent`);
      }
    }
    checkCommonExtensions(hello.extensions);
    const profile = this.#chosenProfile(hello.extensions);
    const extended = hello.extensions.has(EXTENSION.extendedMasterSecret);
    this.#chosen = { hello: { ...hello, random: hello.random.slice() }, suite, profile, extended };
    this.#schedule.choose(suite, { client: this.#random, server: this.#chosen.hello.random });
    this.#expecting = "certificate";
  }

  #chosenProfile(extensions: Extensions): SrtpProfile {
    const data = extensions.get(EXTENSION.useSrtp);
    if (!data) throw new DtlsFault(ALERT.handshakeFailure, "the server does not speak SRTP with any profile of ours");
    const { profiles, mki } = readUseSrtp(data);
    const profile = this.#options.profiles.find(({ id }) => id === profiles[0]);
    if (!profile || profiles.length !== 1 || mki.length > 0) {
      throw new DtlsFault(ALERT.illegalParameter, "the server chose an SRTP profile or MKI that was not offered");
    }
    return profile;
  }

  #certificate(body: Uint8Array): void {
    const der = readCertificate(body);
    if (!der) throw new DtlsFault(ALERT.badCertificate, "the server sent no certificate", "certificate");
    if (!this.#options.accepts(der)) {
      throw new DtlsFault(ALERT.badCertificate, "the fingerprint of the peer's certificate differs", "certificate");
    }
    this.#peer = readPeerCertificate(der);
    if (this.#peer.key.asymmetricKeyType !== this.#chosen!.suite.authentication) {
      throw new DtlsFault(ALERT.unsupportedCertificate, "the certificate does not fit the cipher suite", "certificate");
    }
    this.#expecting = "key-exchange";
  }

  #keyExchange(body: Uint8Array): void {
    const exchange = readServerKeyExchange(body);
    if (!SIGNATURE_SCHEMES.includes(exchange.scheme) || !GROUPS.includes(exchange.group)) {
      throw new DtlsFault(ALERT.illegalParameter, "the server chose a group or signature scheme that was not offered");
    }
    const signed = Buffer.concat([this.#random, this.#chosen!.hello.random, exchange.signed]);
    verifySignature(exchange.scheme, this.#peer!.key, signed, exchange.signature, "ServerKeyExchange");
    this.#share = newKeyShare(exchange.group);
    this.#preMaster = this.#share.derive(exchange.publicKey);
    this.#expecting = "request-or-done";
  }

  #answer(): HandshakeStep {
    const { certificate } = this.#options;
    const flight: FlightItem[] = [];
    const plain = (type: number, body: Uint8Array) =>
      flight.push({ kind: "plain", message: this.#message(type, body) });
    const scheme = this.#requested && chooseScheme(certificate.keyType, this.#requested);
    if (this.#requested && scheme === undefined) {
      throw new DtlsFault(ALERT.handshakeFailure, "the server takes no signature that our certificate can make");
    }
    if (this.#requested) plain(HANDSHAKE.certificate, emitCertificate(certificate.chain));
    plain(HANDSHAKE.clientKeyExchange, emitClientKeyExchange(this.#share!.publicKey));
    this.#schedule.establish(this.#preMaster, this.#chosen!.extended);
    this.#preMaster.fill(0);
    if (scheme !== undefined) {
      const signature = signWith(scheme, certificate.privateKey, this.#schedule.transcript());
      plain(HANDSHAKE.certificateVerify, emitSigned(EMPTY, scheme, signature));
    }
    const { client, server } = this.#schedule.protection();
    const finished = this.#message(HANDSHAKE.finished, this.#schedule.finished("client"));
    flight.push({ kind: "change-cipher-spec" }, { kind: "sealed", message: finished });
    this.#expecting = "finished";
    return { flight, keys: { read: server, write: client } };
  }

  #finished(message: HandshakeMessage): HandshakeStep {
    this.#schedule.checkFinished("server", message.body);
    this.#expecting = "nothing";
    const { suite, profile, extended } = this.#chosen!;
    const material = this.#schedule.srtpMaterial(profile);
    this.#schedule.forget();
    return {
      result: { peerCertificate: this.#peer!, suite, profile, material, extendedMasterSecret: extended },
    };
  }
}
