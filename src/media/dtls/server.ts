/** The server's handshake (RFC 6347 figure 1) from a ClientHello whose sender need not prove its address any more. */
import { checkCommonExtensions, readListOf16, readUseSrtp, serverExtensions } from "./extensions.ts";
import type { FlightItem } from "./flight.ts";
import type { KeyShare } from "./groups.ts";
import { DEFAULT_GROUP, GROUPS, newKeyShare } from "./groups.ts";
import type { Handshake, HandshakeOptions, HandshakeStep } from "./handshake.ts";
import type { ClientHello } from "./hello.ts";
import { emitServerHello, RANDOM_BYTES, readClientHello } from "./hello.ts";
import { KeySchedule } from "./key-schedule.ts";
import {
  emitCertificate,
  emitCertificateRequest,
  emitSigned,
  keyExchangeParameters,
  readCertificate,
  readCertificateVerify,
  readClientKeyExchange,
} from "./messages.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { readPeerCertificate } from "./peer-certificate.ts";
import type { HandshakeMessage } from "./reassembly.ts";
import { handshakeMessage } from "./reassembly.ts";
import { chooseScheme, SIGNATURE_SCHEMES, signWith, verifySignature } from "./signature.ts";
import type { SrtpProfile } from "./srtp-profiles.ts";
import type { CipherSuite } from "./suites.ts";
import { ALERT, DTLS_1_2, DtlsFault, EXTENSION, HANDSHAKE, RENEGOTIATION_SCSV } from "./wire.ts";

const EMPTY = new Uint8Array(0);

type Expecting = "hello" | "certificate" | "key-exchange" | "verify" | "finished" | "nothing";

interface Chosen {
  readonly suite: CipherSuite;
  readonly profile: SrtpProfile;
  readonly extended: boolean;
}

export class ServerHandshake implements Handshake {
  readonly side = "server";
  readonly firstSequence: number;
  readonly #options: HandshakeOptions;
  readonly #schedule = new KeySchedule();
  #expecting: Expecting = "hello";
  /** RFC 6347 section 4.2.2: ServerHello answers with the number of the ClientHello, which is 1 after a cookie exchange. */
  #sequence: number;
  #chosen: Chosen | undefined;
  #share: KeyShare | undefined;
  #peer: PeerCertificate | undefined;

  /** @param sequence message_seq of the ClientHello */
  constructor(options: HandshakeOptions, sequence: number) {
    this.#options = options;
    this.firstSequence = sequence;
    this.#sequence = sequence;
  }

  begin(): HandshakeStep {
    return {};
  }

  receive(message: HandshakeMessage): HandshakeStep {
    const { type } = message;
    if (type === HANDSHAKE.clientHello && this.#expecting === "hello") return this.#clientHello(message);
    if (type === HANDSHAKE.certificate && this.#expecting === "certificate") return this.#certificate(message);
    if (type === HANDSHAKE.clientKeyExchange && this.#expecting === "key-exchange") return this.#keyExchange(message);
    if (type === HANDSHAKE.certificateVerify && this.#expecting === "verify") return this.#verify(message);
    if (type === HANDSHAKE.finished && this.#expecting === "finished") return this.#finished(message);
    throw new DtlsFault(ALERT.unexpectedMessage, `handshake message ${type} comes out of turn`);
  }

  #message(type: number, body: Uint8Array): HandshakeMessage {
    const message = handshakeMessage(type, this.#sequence++, body);
    this.#schedule.record(message);
    return message;
  }

  #clientHello(message: HandshakeMessage): HandshakeStep {
    const hello = readClientHello(message.body);
    this.#schedule.record(message);
    // A smaller number is a newer version: such a client also takes 1.2.
    if (hello.version > DTLS_1_2) throw new DtlsFault(ALERT.protocolVersion, "the client does not speak DTLS 1.2");
    if (!hello.compressions.includes(0)) throw new DtlsFault(ALERT.illegalParameter, "the client only compresses");
    checkCommonExtensions(hello.extensions);
    const { certificate } = this.#options;
    const suite = this.#options.suites.find(
      ({ id, authentication }) => authentication === certificate.keyType && hello.suites.includes(id),
    );
    if (!suite) throw new DtlsFault(ALERT.handshakeFailure, "no cipher suite in common");
    const group = this.#chooseGroup(hello);
    const scheme = this.#chooseScheme(hello);
    const profile = this.#chooseProfile(hello);
    const extended = hello.extensions.has(EXTENSION.extendedMasterSecret);
    const random = this.#options.random.bytes(RANDOM_BYTES);
    this.#chosen = { suite, profile, extended };
    this.#share = newKeyShare(group);
    this.#schedule.choose(suite, { client: hello.random, server: random });
    const parameters = keyExchangeParameters(group, this.#share.publicKey);
    const signed = Buffer.concat([hello.random, random, parameters]);
    const signature = signWith(scheme, certificate.privateKey, signed);
    const renegotiationAware =
      hello.extensions.has(EXTENSION.renegotiationInfo) || hello.suites.includes(RENEGOTIATION_SCSV);
    const serverHello = emitServerHello({
      version: DTLS_1_2,
      random,
      suite: suite.id,
      compression: 0,
      extensions: serverExtensions(hello.extensions, profile, renegotiationAware),
    });
    const flight: FlightItem[] = [
      [HANDSHAKE.serverHello, serverHello] as const,
      [HANDSHAKE.certificate, emitCertificate(certificate.chain)] as const,
      [HANDSHAKE.serverKeyExchange, emitSigned(parameters, scheme, signature)] as const,
      [HANDSHAKE.certificateRequest, emitCertificateRequest()] as const,
      [HANDSHAKE.serverHelloDone, EMPTY] as const,
    ].map(([type, body]) => ({ kind: "plain", message: this.#message(type, body) }));
    this.#expecting = "certificate";
    return { flight };
  }

  #chooseGroup({ extensions }: ClientHello): number {
    const known = readListOf16(extensions, EXTENSION.supportedGroups, "supported_groups") ?? [DEFAULT_GROUP];
    const group = GROUPS.find((id) => known.includes(id));
    if (group === undefined) throw new DtlsFault(ALERT.handshakeFailure, "no group in common");
    return group;
  }

  #chooseScheme({ extensions }: ClientHello): number {
    // Without the extension a client means SHA-1 (RFC 5246 section 7.4.1.4.1), which nobody should trust any more.
    const accepted = readListOf16(extensions, EXTENSION.signatureAlgorithms, "signature_algorithms") ?? [];
    const scheme = chooseScheme(this.#options.certificate.keyType, accepted);
    if (scheme === undefined) throw new DtlsFault(ALERT.handshakeFailure, "no signature scheme in common");
    return scheme;
  }

  #chooseProfile({ extensions }: ClientHello): SrtpProfile {
    const data = extensions.get(EXTENSION.useSrtp);
    const offered = data ? readUseSrtp(data).profiles : [];
    const profile = this.#options.profiles.find(({ id }) => offered.includes(id));
    if (!profile) throw new DtlsFault(ALERT.handshakeFailure, "no SRTP profile in common");
    return profile;
  }

  #certificate(message: HandshakeMessage): HandshakeStep {
    const der = readCertificate(message.body);
    if (!der) throw new DtlsFault(ALERT.handshakeFailure, "the client sent no certificate", "certificate");
    if (!this.#options.accepts(der)) {
      throw new DtlsFault(ALERT.badCertificate, "the fingerprint of the peer's certificate differs", "certificate");
    }
    this.#peer = readPeerCertificate(der);
    this.#schedule.record(message);
    this.#expecting = "key-exchange";
    return {};
  }

  #keyExchange(message: HandshakeMessage): HandshakeStep {
    const preMaster = this.#share!.derive(readClientKeyExchange(message.body));
    this.#schedule.record(message);
    this.#schedule.establish(preMaster, this.#chosen!.extended);
    preMaster.fill(0);
    const { client, server } = this.#schedule.protection();
    this.#expecting = "verify";
    return { keys: { read: client, write: server } };
  }

  #verify(message: HandshakeMessage): HandshakeStep {
    const { scheme, signature } = readCertificateVerify(message.body);
    if (!SIGNATURE_SCHEMES.includes(scheme)) {
      throw new DtlsFault(ALERT.illegalParameter, "CertificateVerify is signed by a scheme that was not offered");
    }
    verifySignature(scheme, this.#peer!.key, this.#schedule.transcript(), signature, "CertificateVerify");
    this.#schedule.record(message);
    this.#expecting = "finished";
    return {};
  }

  #finished(message: HandshakeMessage): HandshakeStep {
    this.#schedule.checkFinished("client", message.body);
    this.#schedule.record(message);
    this.#expecting = "nothing";
    const finished = this.#message(HANDSHAKE.finished, this.#schedule.finished("server"));
    const { suite, profile, extended } = this.#chosen!;
    const material = this.#schedule.srtpMaterial(profile);
    this.#schedule.forget();
    return {
      flight: [{ kind: "change-cipher-spec" }, { kind: "sealed", message: finished }],
      result: { peerCertificate: this.#peer!, suite, profile, material, extendedMasterSecret: extended },
    };
  }
}
