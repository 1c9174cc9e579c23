/**
 * The RTP fixed header (RFC 3550, section 5.1) in place: offsets, reads that allocate nothing, and a parsed form for
 * everything that is not the packet path. All fields are in network byte order.
 */

/** Byte offsets. */
export const RTP = { flags: 0, payloadType: 1, sequence: 2, timestamp: 4, ssrc: 8, csrc: 12 } as const;

/** Header without CSRCs and extension, bytes. */
export const RTP_HEADER = 12;

export const RTP_VERSION = 2;

/** Version 2 and long enough for the fixed header: all that is asked of a packet that is only forwarded. */
export function isRtp(bytes: Uint8Array, offset: number, length: number): boolean {
  return length >= RTP_HEADER && bytes[offset]! >> 6 === RTP_VERSION;
}

export function rtpPayloadType(bytes: Uint8Array, offset: number): number {
  return bytes[offset + RTP.payloadType]! & 0x7f;
}

export function rtpSequence(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + RTP.sequence]! << 8) | bytes[offset + RTP.sequence + 1]!;
}

/** As a signed 32-bit integer, so that no number on the packet path needs more; `>>> 0` gives the value of the wire. */
export function rtpTimestamp(bytes: Uint8Array, offset: number): number {
  return word(bytes, offset + RTP.timestamp);
}

/** As a signed 32-bit integer, like {@link rtpTimestamp}. */
export function rtpSsrc(bytes: Uint8Array, offset: number): number {
  return word(bytes, offset + RTP.ssrc);
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** A header whose lengths were checked against the packet. */
export interface RtpHeader {
  readonly marker: boolean;
  readonly payloadType: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly csrcs: readonly number[];
  /** Profile word and data of the header extension (section 5.3.1). */
  readonly extension: { readonly profile: number; readonly data: Uint8Array } | undefined;
  /** Payload without padding: a view of the packet. */
  readonly payload: Uint8Array;
}

/** Undefined when the packet is shorter than its own fields say, or of another version. */
export function parseRtp(packet: Uint8Array): RtpHeader | undefined {
  if (!isRtp(packet, 0, packet.length)) return undefined;
  const flags = packet[RTP.flags]!;
  const csrcCount = flags & 0x0f;
  let at = RTP_HEADER + csrcCount * 4;
  if (packet.length < at) return undefined;
  const csrcs = Array.from({ length: csrcCount }, (_, i) => word(packet, RTP.csrc + i * 4) >>> 0);
  let extension: RtpHeader["extension"];
  if (flags & 0x10) {
    if (packet.length < at + 4) return undefined;
    const end = at + 4 + ((packet[at + 2]! << 8) | packet[at + 3]!) * 4;
    if (packet.length < end) return undefined;
    extension = { profile: (packet[at]! << 8) | packet[at + 1]!, data: packet.subarray(at + 4, end) };
    at = end;
  }
  let end = packet.length;
  if (flags & 0x20) {
    const padding = packet[end - 1]!;
    if (padding === 0 || end - padding < at) return undefined;
    end -= padding;
  }
  return {
    marker: packet[RTP.payloadType]! >= 0x80,
    payloadType: rtpPayloadType(packet, 0),
    sequence: rtpSequence(packet, 0),
    timestamp: rtpTimestamp(packet, 0) >>> 0,
    ssrc: rtpSsrc(packet, 0) >>> 0,
    csrcs,
    extension,
    payload: packet.subarray(at, end),
  };
}

/** The packet of a header; no padding is added. Extension data are filled up with zeros to whole words. */
export function emitRtp(header: RtpHeader): Uint8Array {
  const { csrcs, extension, payload } = header;
  const extensionWords = extension ? Math.ceil(extension.data.length / 4) : 0;
  const head = RTP_HEADER + csrcs.length * 4 + (extension ? 4 + extensionWords * 4 : 0);
  const packet = new Uint8Array(head + payload.length);
  const view = new DataView(packet.buffer);
  packet[RTP.flags] = (RTP_VERSION << 6) | (extension ? 0x10 : 0) | csrcs.length;
  packet[RTP.payloadType] = (header.marker ? 0x80 : 0) | header.payloadType;
  view.setUint16(RTP.sequence, header.sequence);
  view.setUint32(RTP.timestamp, header.timestamp);
  view.setUint32(RTP.ssrc, header.ssrc);
  for (const [i, csrc] of csrcs.entries()) view.setUint32(RTP.csrc + i * 4, csrc);
  if (extension) {
    const at = RTP_HEADER + csrcs.length * 4;
    view.setUint16(at, extension.profile);
    view.setUint16(at + 2, extensionWords);
    packet.set(extension.data, at + 4);
  }
  packet.set(payload, head);
  return packet;
}
