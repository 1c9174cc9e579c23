/**
 * RTCP compound packets (RFC 3550, section 6) in place: recognition, the walk over their parts, removal of feedback. All
 * fields are in network byte order.
 */

/** Byte offsets in each part; `length` counts 32-bit words without the first. */
export const RTCP = { flags: 0, type: 1, length: 2, ssrc: 4 } as const;

/** Header that every part has, bytes. */
export const RTCP_HEADER = 4;

/** Packet types (RFC 3550, RFC 3611, RFC 4585). */
export const RTCP_TYPE = {
  senderReport: 200,
  receiverReport: 201,
  sourceDescription: 202,
  bye: 203,
  application: 204,
  transportFeedback: 205,
  payloadFeedback: 206,
  extendedReport: 207,
} as const;

/** Second bytes that mean RTCP where RTP could come too: RFC 5761, section 4, which reserves RTP payload types 64-95. */
const FIRST_TYPE = 194;
const LAST_TYPE = 223;

/** Tells RTCP from RTP on one port. */
export function isRtcp(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < RTCP_HEADER || bytes[offset]! >> 6 !== 2) return false;
  const type = bytes[offset + RTCP.type]!;
  return type >= FIRST_TYPE && type <= LAST_TYPE;
}

/** Bytes of the part at `offset`, its header included. */
export function rtcpPartLength(bytes: Uint8Array, offset: number): number {
  return (((bytes[offset + RTCP.length]! << 8) | bytes[offset + RTCP.length + 1]!) + 1) * 4;
}

/** Whether the parts fill the packet exactly. SRTCP and damaged packets do not. */
export function isWholeCompound(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  let at = offset;
  while (at + RTCP_HEADER <= end && bytes[at]! >> 6 === 2) at += rtcpPartLength(bytes, at);
  return at === end && length > 0;
}

/** Whether a whole compound contains transport or payload feedback. */
export function hasFeedback(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  for (let at = offset; at < end; at += rtcpPartLength(bytes, at)) {
    const type = bytes[at + RTCP.type]!;
    if (type === RTCP_TYPE.transportFeedback || type === RTCP_TYPE.payloadFeedback) return true;
  }
  return false;
}

/**
 * Takes transport and payload feedback (types 205, 206) out of a whole compound, in place. Returns the new length, 0 when
 * nothing else was in it.
 */
export function stripFeedback(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let to = offset;
  for (let at = offset; at < end; ) {
    const next = at + rtcpPartLength(bytes, at);
    const type = bytes[at + RTCP.type]!;
    if (type !== RTCP_TYPE.transportFeedback && type !== RTCP_TYPE.payloadFeedback) {
      if (to !== at) bytes.copyWithin(to, at, next);
      to += next - at;
    }
    at = next;
  }
  return to - offset;
}

/** One part of a compound whose lengths were checked. */
export interface RtcpPart {
  readonly type: number;
  /** Report count, source count, subtype or feedback format: the low five bits. */
  readonly count: number;
  /** The whole part with its header: a view of the packet. */
  readonly bytes: Uint8Array;
}

/** Undefined when the parts do not fill the packet exactly. */
export function parseRtcp(packet: Uint8Array): readonly RtcpPart[] | undefined {
  if (!isWholeCompound(packet, 0, packet.length)) return undefined;
  const parts: RtcpPart[] = [];
  for (let at = 0; at < packet.length; ) {
    const next = at + rtcpPartLength(packet, at);
    parts.push({ type: packet[at + RTCP.type]!, count: packet[at]! & 0x1f, bytes: packet.subarray(at, next) });
    at = next;
  }
  return parts;
}
