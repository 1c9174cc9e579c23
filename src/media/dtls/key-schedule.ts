/** What both sides of a handshake compute alike: transcript, master secret, record keys, Finished, SRTP keys. */
import { timingSafeEqual } from "node:crypto";
import type { HelloRandoms } from "./prf.ts";
import { exportKeyingMaterial, keyBlock, masterSecret, transcriptHash, verifyData } from "./prf.ts";
import { RecordProtection } from "./protection.ts";
import type { HandshakeMessage } from "./reassembly.ts";
import type { SrtpProfile } from "./srtp-profiles.ts";
import { EXPORTER_LABEL, keyingMaterialBytes } from "./srtp-profiles.ts";
import type { CipherSuite } from "./suites.ts";
import { ALERT, DtlsFault } from "./wire.ts";

export type Side = "client" | "server";

export class KeySchedule {
  #messages: Uint8Array[] = [];
  #suite: CipherSuite | undefined;
  #randoms: HelloRandoms | undefined;
  #master: Uint8Array | undefined;

  /** Every handshake message of both sides in order; the first ClientHello of a cookie exchange is forgotten again. */
  record(message: HandshakeMessage): void {
    this.#messages.push(message.bytes);
  }

  /** RFC 6347 section 4.2.1: neither the first ClientHello nor HelloVerifyRequest is part of the transcript. Also at the end. */
  forget(): void {
    this.#messages = [];
  }

  /** The messages so far, as CertificateVerify signs them. */
  transcript(): Uint8Array {
    return Buffer.concat(this.#messages);
  }

  choose(suite: CipherSuite, randoms: HelloRandoms): void {
    this.#suite = suite;
    this.#randoms = randoms;
  }

  /** To be called when the transcript ends with ClientKeyExchange. */
  establish(preMaster: Uint8Array, extended: boolean): void {
    const { hash } = this.#suite!;
    const sessionHash = extended ? transcriptHash(hash, this.#messages) : undefined;
    this.#master = masterSecret(hash, preMaster, this.#randoms!, sessionHash);
  }

  protection(): Record<Side, RecordProtection> {
    const block = keyBlock(this.#suite!, this.#master!, this.#randoms!);
    return {
      client: new RecordProtection(this.#suite!, block.client.key, block.client.salt),
      server: new RecordProtection(this.#suite!, block.server.key, block.server.salt),
    };
  }

  finished(from: Side): Uint8Array {
    return verifyData(this.#suite!.hash, this.#master!, from, this.#messages);
  }

  /** @throws DtlsFault decrypt_error: the handshake was tampered with */
  checkFinished(from: Side, body: Uint8Array): void {
    const expected = this.finished(from);
    if (body.length !== expected.length || !timingSafeEqual(body, expected)) {
      throw new DtlsFault(ALERT.decryptError, "the Finished message does not match the handshake");
    }
  }

  srtpMaterial(profile: SrtpProfile): Uint8Array {
    const length = keyingMaterialBytes(profile);
    return exportKeyingMaterial(this.#suite!.hash, this.#master!, this.#randoms!, EXPORTER_LABEL, length);
  }
}
