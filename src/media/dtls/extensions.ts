/** The extensions we speak: use_srtp, groups, point formats, signature algorithms, extended master secret, renegotiation_info. */
import { GROUPS } from "./groups.ts";
import type { Extensions } from "./hello.ts";
import { readU16List, WireReader } from "./reader.ts";
import { SIGNATURE_SCHEMES } from "./signature.ts";
import type { SrtpProfile } from "./srtp-profiles.ts";
import { ALERT, DtlsFault, EXTENSION } from "./wire.ts";
import { u16List, WireWriter } from "./writer.ts";

const EMPTY = new Uint8Array(0);

/** RFC 8422 section 5.1.2: uncompressed, the only format that is left. */
const POINT_FORMATS = Uint8Array.of(1, 0);

/** RFC 5746 section 3.4: the first handshake of a connection. We never renegotiate. */
const NO_RENEGOTIATION = Uint8Array.of(0);

export function clientExtensions(profiles: readonly SrtpProfile[]): Extensions {
  return new Map([
    [EXTENSION.extendedMasterSecret, EMPTY],
    [EXTENSION.renegotiationInfo, NO_RENEGOTIATION],
    [EXTENSION.supportedGroups, listOf16(GROUPS)],
    [EXTENSION.pointFormats, POINT_FORMATS],
    [EXTENSION.signatureAlgorithms, listOf16(SIGNATURE_SCHEMES)],
    [EXTENSION.useSrtp, emitUseSrtp(profiles)],
  ]);
}

/** A server answers only what the client asked (RFC 5246 section 7.4.1.4). */
export function serverExtensions(client: Extensions, profile: SrtpProfile, renegotiationAware: boolean): Extensions {
  const out = new Map<number, Uint8Array>();
  if (client.has(EXTENSION.extendedMasterSecret)) out.set(EXTENSION.extendedMasterSecret, EMPTY);
  if (renegotiationAware) out.set(EXTENSION.renegotiationInfo, NO_RENEGOTIATION);
  if (client.has(EXTENSION.pointFormats)) out.set(EXTENSION.pointFormats, POINT_FORMATS);
  out.set(EXTENSION.useSrtp, emitUseSrtp([profile]));
  return out;
}

/** Profiles, then an empty MKI: we use none (RFC 5764 section 4.1.1). */
function emitUseSrtp(profiles: readonly SrtpProfile[]): Uint8Array {
  return new WireWriter()
    .vector16(u16List(profiles.map(({ id }) => id)))
    .u8(0)
    .finish();
}

/** The peer's profile ids and its MKI. @throws DtlsFault */
export function readUseSrtp(data: Uint8Array): { readonly profiles: readonly number[]; readonly mki: Uint8Array } {
  const reader = new WireReader(data, "use_srtp");
  const profiles = readU16List(reader.vector16(), "use_srtp");
  const mki = reader.vector8();
  reader.end();
  return { profiles, mki };
}

function listOf16(values: readonly number[]): Uint8Array {
  return new WireWriter().vector16(u16List(values)).finish();
}

/** The 16-bit numbers of supported_groups or signature_algorithms; undefined when the extension is missing. */
export function readListOf16(extensions: Extensions, type: number, what: string): readonly number[] | undefined {
  const data = extensions.get(type);
  if (!data) return undefined;
  const reader = new WireReader(data, what);
  const list = readU16List(reader.vector16(), what);
  reader.end();
  return list;
}

/** @throws DtlsFault when the peer claims to renegotiate something, or knows no uncompressed points */
export function checkCommonExtensions(extensions: Extensions): void {
  const renegotiation = extensions.get(EXTENSION.renegotiationInfo);
  if (renegotiation && !(renegotiation.length === 1 && renegotiation[0] === 0)) {
    throw new DtlsFault(ALERT.handshakeFailure, "renegotiation_info of a first handshake is not empty");
  }
  const formats = extensions.get(EXTENSION.pointFormats);
  if (formats && !new WireReader(formats, "ec_point_formats").vector8().includes(0)) {
    throw new DtlsFault(ALERT.illegalParameter, "the peer knows no uncompressed points");
  }
}
