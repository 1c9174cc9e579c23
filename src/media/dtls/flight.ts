/** The messages of one flight, packed into datagrams anew each time they are sent (RFC 6347 sections 4.2.3 and 4.2.4). */
import type { RecordProtection } from "./protection.ts";
import type { HandshakeMessage } from "./reassembly.ts";
import { emitFragment } from "./reassembly.ts";
import { plainRecord } from "./record.ts";
import { CONTENT, DTLS_1_0, DTLS_1_2, FRAGMENT_HEADER_SIZE, HANDSHAKE, RECORD_HEADER_SIZE } from "./wire.ts";

/** A message in epoch 0, the change of epochs, or a message in epoch 1. */
export type FlightItem =
  | { readonly kind: "plain" | "sealed"; readonly message: HandshakeMessage }
  | { readonly kind: "change-cipher-spec" };

/** Sequence numbers that the next records take, and the keys of epoch 1 once there are any. */
export interface RecordState {
  readonly sequences: [epoch0: number, epoch1: number];
  protection: RecordProtection | undefined;
}

/** Less than this of a message is not worth a record of its own at the end of a datagram. Bytes. */
const MIN_FRAGMENT = 32;

const OVERHEAD = RECORD_HEADER_SIZE + FRAGMENT_HEADER_SIZE;

/** Datagrams of at most `mtu` bytes; takes fresh record sequence numbers from `state`. */
export function packFlight(items: readonly FlightItem[], mtu: number, state: RecordState): readonly Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  let records: Uint8Array[] = [];
  let used = 0;
  const flush = () => {
    if (used > 0) datagrams.push(Buffer.concat(records));
    records = [];
    used = 0;
  };
  const add = (record: Uint8Array) => {
    if (used + record.length > mtu) flush();
    records.push(record);
    used += record.length;
  };
  for (const item of items) {
    if (item.kind === "change-cipher-spec") {
      add(plainRecord(CONTENT.changeCipherSpec, DTLS_1_2, state.sequences[0]++, Uint8Array.of(1)));
    } else if (item.kind === "sealed") {
      add(state.protection!.seal(CONTENT.handshake, 1, state.sequences[1]++, item.message.bytes));
    } else {
      const { message } = item;
      const version = message.type === HANDSHAKE.clientHello ? DTLS_1_0 : DTLS_1_2;
      let offset = 0;
      do {
        const left = message.body.length - offset;
        if (mtu - used < OVERHEAD + Math.min(left, MIN_FRAGMENT)) flush();
        const length = Math.min(left, mtu - used - OVERHEAD);
        add(plainRecord(CONTENT.handshake, version, state.sequences[0]++, emitFragment(message, offset, length)));
        offset += length;
      } while (offset < message.body.length);
    }
  }
  flush();
  return datagrams;
}
