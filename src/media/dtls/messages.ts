/** Bodies of Certificate, ServerKeyExchange, CertificateRequest, ClientKeyExchange and CertificateVerify (RFC 5246, RFC 8422). */
import { readU16List, WireReader } from "./reader.ts";
import { SIGNATURE_SCHEMES } from "./signature.ts";
import { ALERT, DtlsFault } from "./wire.ts";
import { u16List, WireWriter } from "./writer.ts";

/** The peer's certificate, DER; its chain is not looked at: the fingerprint in SDP vouches for this one (RFC 5763 section 5). */
export function readCertificate(body: Uint8Array): Uint8Array | undefined {
  const reader = new WireReader(body, "Certificate");
  const list = new WireReader(reader.vector24(), "list of certificates");
  reader.end();
  return list.remaining === 0 ? undefined : list.vector24();
}

export function emitCertificate(chain: readonly Uint8Array[]): Uint8Array {
  const list = new WireWriter();
  for (const certificate of chain) list.vector24(certificate);
  return new WireWriter().vector24(list.finish()).finish();
}

const NAMED_CURVE = 3;

export interface ServerKeyExchange {
  readonly group: number;
  readonly publicKey: Uint8Array;
  /** The part of the body that is signed, after both randoms. */
  readonly signed: Uint8Array;
  readonly scheme: number;
  readonly signature: Uint8Array;
}

export function readServerKeyExchange(body: Uint8Array): ServerKeyExchange {
  const reader = new WireReader(body, "ServerKeyExchange");
  if (reader.u8() !== NAMED_CURVE) throw new DtlsFault(ALERT.illegalParameter, "the server names no curve");
  const group = reader.u16();
  const publicKey = reader.vector8();
  const signed = body.subarray(0, body.length - reader.remaining);
  const scheme = reader.u16();
  const signature = reader.vector16();
  reader.end();
  return { group, publicKey, signed, scheme, signature };
}

/** What ServerKeyExchange signs after the randoms, and starts with. */
export function keyExchangeParameters(group: number, publicKey: Uint8Array): Uint8Array {
  return new WireWriter().u8(NAMED_CURVE).u16(group).vector8(publicKey).finish();
}

/** `content` and its signature: the form of ServerKeyExchange, and of CertificateVerify where `content` is empty. */
export function emitSigned(content: Uint8Array, scheme: number, signature: Uint8Array): Uint8Array {
  return new WireWriter().bytes(content).u16(scheme).vector16(signature).finish();
}

const CERTIFICATE_TYPES = Uint8Array.of(64, 1); // ecdsa_sign, rsa_sign

export function emitCertificateRequest(): Uint8Array {
  return new WireWriter().vector8(CERTIFICATE_TYPES).vector16(u16List(SIGNATURE_SCHEMES)).u16(0).finish();
}

/** Signature schemes that the server takes in CertificateVerify. */
export function readCertificateRequest(body: Uint8Array): readonly number[] {
  const reader = new WireReader(body, "CertificateRequest");
  reader.vector8();
  const schemes = readU16List(reader.vector16(), "list of signature schemes");
  reader.vector16(); // names of authorities mean nothing for self-signed certificates
  reader.end();
  return schemes;
}

export function readClientKeyExchange(body: Uint8Array): Uint8Array {
  const reader = new WireReader(body, "ClientKeyExchange");
  const publicKey = reader.vector8();
  reader.end();
  return publicKey;
}

export function emitClientKeyExchange(publicKey: Uint8Array): Uint8Array {
  return new WireWriter().vector8(publicKey).finish();
}

export function readCertificateVerify(body: Uint8Array): { readonly scheme: number; readonly signature: Uint8Array } {
  const reader = new WireReader(body, "CertificateVerify");
  const scheme = reader.u16();
  const signature = reader.vector16();
  reader.end();
  return { scheme, signature };
}
