/** Numbers of DTLS 1.2 on the wire (RFC 6347, RFC 5246 and the registries they opened). All integers are big-endian. */

/** Record header: type u8, version u16, epoch u16, sequence u48, length u16 (RFC 6347 section 4.1). Offsets in bytes. */
export const RECORD = { type: 0, version: 1, epoch: 3, sequence: 5, length: 11 } as const;
export const RECORD_HEADER_SIZE = 13;

/** Handshake header: type u8, length u24, message_seq u16, fragment_offset u24, fragment_length u24 (section 4.2.2). */
export const FRAGMENT = { type: 0, length: 1, sequence: 4, offset: 6, fragmentLength: 9 } as const;
export const FRAGMENT_HEADER_SIZE = 12;

export const CONTENT = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

/** One's complement of 1.0 and 1.2: a smaller number is a newer version. */
export const DTLS_1_0 = 0xfeff;
export const DTLS_1_2 = 0xfefd;

export const HANDSHAKE = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export const EXTENSION = {
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  renegotiationInfo: 0xff01,
} as const;

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 section 3.3). */
export const RENEGOTIATION_SCSV = 0x00ff;

export const ALERT_LEVEL = { warning: 1, fatal: 2 } as const;

export const ALERT = {
  closeNotify: 0,
  unexpectedMessage: 10,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  internalError: 80,
  userCanceled: 90,
  noRenegotiation: 100,
  unsupportedExtension: 110,
} as const;

const ALERT_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "close_notify"],
  [10, "unexpected_message"],
  [20, "bad_record_mac"],
  [22, "record_overflow"],
  [40, "handshake_failure"],
  [41, "no_certificate"],
  [42, "bad_certificate"],
  [43, "unsupported_certificate"],
  [44, "certificate_revoked"],
  [45, "certificate_expired"],
  [46, "certificate_unknown"],
  [47, "illegal_parameter"],
  [48, "unknown_ca"],
  [49, "access_denied"],
  [50, "decode_error"],
  [51, "decrypt_error"],
  [70, "protocol_version"],
  [71, "insufficient_security"],
  [80, "internal_error"],
  [86, "inappropriate_fallback"],
  [90, "user_canceled"],
  [100, "no_renegotiation"],
  [109, "missing_extension"],
  [110, "unsupported_extension"],
  [112, "unrecognized_name"],
  [120, "no_application_protocol"],
]);

/** The name of an alert in the words of RFC 5246 section 7.2. */
export function alertName(description: number): string {
  return ALERT_NAMES.get(description) ?? `alert ${description}`;
}

/**
 * Why a handshake cannot go on. Thrown while a message is read and caught in one place, `connection.ts`, which tells the
 * peer the alert and the owner the reason.
 */
export class DtlsFault extends Error {
  constructor(
    readonly alert: number,
    readonly reason: string,
    readonly kind: "protocol" | "certificate" = "protocol",
  ) {
    super(reason);
  }
}
