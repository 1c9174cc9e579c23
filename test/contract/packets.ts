/** Packets for tests. */

export interface RtpFields {
  readonly sequence?: number;
  readonly timestamp?: number;
  readonly ssrc?: number;
  readonly payloadType?: number;
  readonly size?: number;
}

/** A G.711 packet of 20 ms: 12 bytes of header, 160 of payload that depends on the sequence number. */
export function rtp({ sequence = 0, timestamp, ssrc = 0x1234_5678, payloadType = 8, size = 172 }: RtpFields = {}) {
  const packet = new Uint8Array(size);
  const view = new DataView(packet.buffer);
  for (let i = 12; i < size; i++) packet[i] = (sequence * 7 + i) & 255;
  packet[0] = 0x80;
  packet[1] = payloadType;
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, (timestamp ?? sequence * 160) >>> 0);
  view.setUint32(8, ssrc);
  return packet;
}

/** A receiver report without blocks. */
export const RECEIVER_REPORT = Uint8Array.from([0x80, 201, 0, 1, 0x12, 0x34, 0x56, 0x78]);

/** A picture loss indication (RFC 4585, section 6.3.1). */
export const PICTURE_LOSS = Uint8Array.from([0x81, 206, 0, 2, 0x12, 0x34, 0x56, 0x78, 0x87, 0x65, 0x43, 0x21]);

/** A STUN binding request without attributes. */
export const BINDING_REQUEST = Uint8Array.from([
  0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
]);

/** The first bytes of a DTLS 1.2 ClientHello record. */
export const CLIENT_HELLO = Uint8Array.from([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
