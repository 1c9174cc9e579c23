/** A forwarder on memory of its own, with a clock and a wire that the test holds. */
import { decodeSockaddr, encodeSockaddr } from "../../../ffi/sockaddr.ts";
import type { Endpoint } from "../../../src/address.ts";
import { fallbackSrtp } from "../../../src/media/srtp/fallback.ts";
import type { StreamSpec } from "../../../src/planes/plane.ts";
import { DROP_REASONS } from "../../../src/planes/plane.ts";
import { encodeApply, RECORD } from "../../../src/relay/command.ts";
import { applyCommand } from "../../../src/relay/configure.ts";
import { Forwarder } from "../../../src/relay/forwarder.ts";
import { encodeBundle, encodeKeys } from "../../../src/relay/guard-command.ts";
import { Guards } from "../../../src/relay/guards.ts";
import { SLOT, SLOT_BYTES, SLOT_DOUBLE, SLOT_DOUBLES, SLOT_WORDS, STATE } from "../../../src/relay/layout.ts";
import { CLOCK_RATES_BYTES, viewTable } from "../../../src/relay/table-views.ts";
import { WORKSPACE_BYTES } from "../../../src/relay/workspace.ts";

const SLOTS = 8;
const PACKET_AT = 64;
const WORKSPACE_AT = 16_384;

export class Wire {
  /** Slot and bytes of everything sent. */
  readonly sent: { slot: number; data: Uint8Array }[] = [];
  readonly events: { kind: number; slot: number; value: number }[] = [];
  /** Errno by slot: sends from there fail. */
  readonly failing = new Map<number, number>();
  roomForPackets = 1_000;
  flushes = 0;
  now = 1_800_000_000_000;
  readonly table = viewTable(new ArrayBuffer(SLOTS * SLOT_BYTES), new ArrayBuffer(CLOCK_RATES_BYTES));
  readonly #bytes = new Uint8Array(WORKSPACE_AT + WORKSPACE_BYTES);
  readonly #buffer = {
    bytes: this.#bytes,
    words: new Int32Array(this.#bytes.buffer),
    address: 0,
    workspace: WORKSPACE_AT,
  };
  readonly #reports = {
    packet: () => this.roomForPackets-- > 0,
    event: (kind: number, slot: number, value: number) => {
      this.events.push({ kind, slot, value });
    },
  };
  readonly #guards = new Guards(fallbackSrtp, this.#buffer);
  readonly forwarder = new Forwarder(
    this.table,
    this.#buffer,
    {
      send: (slot, offset, length) => {
        const failing = this.failing.get(slot) ?? 0;
        if (failing === 0) this.sent.push({ slot, data: this.#bytes.slice(offset, offset + length) });
        return failing;
      },
      flush: () => {
        this.flushes++;
      },
    },
    this.#reports,
    this.#guards,
  );
  readonly #rates: number[] = [0];

  apply(socket: number, over: Partial<StreamSpec> & { incarnation?: number } = {}): void {
    const record = new Int32Array(RECORD.words);
    const spec: StreamSpec = {
      socket,
      label: "",
      component: "rtp",
      isRtp: true,
      rtcpMux: false,
      remote: { address: "192.0.2.1", port: 5_000 },
      mayLearn: true,
      learning: "heuristic",
      asymmetric: false,
      strictSource: false,
      mediaHandover: false,
      blackhole: false,
      drop: false,
      natWait: false,
      stripFeedback: false,
      handUp: { stun: false, dtls: false },
      payloadTypes: [],
      clockRates: new Map(),
      rtpSinks: [],
      rtcpSinks: [],
      generation: 1,
      ...over,
    };
    const incarnation = over.incarnation ?? 100 + socket;
    const head = { slot: socket, incarnation, sequence: 1 };
    for (const direction of ["decrypt", "encrypt"] as const) {
      const keys = spec[direction];
      if (!keys) continue;
      encodeKeys(record, new Uint8Array(record.buffer), head, direction, keys);
      this.#guards.setKeys(record);
    }
    if (spec.routes || spec.mid) {
      encodeBundle(record, new Uint8Array(record.buffer), head, spec, spec.rtpSinks);
      this.#guards.setBundle(record);
    }
    encodeApply(record, new Uint8Array(record.buffer), spec, {
      incarnation,
      sequence: 1,
      fd: 3,
      family: spec.remote?.address.includes(":") ? 6 : 4,
      sink: (id) => 100 + id,
      clockRate: (hertz) => {
        let index = this.#rates.indexOf(hertz);
        if (index < 0) index = this.#rates.push(hertz) - 1;
        this.table.clockRates[index] = hertz;
        return index;
      },
    });
    applyCommand(this.table, record, this.#reports, this.now, 3_000);
    this.#guards.keep(socket, incarnation, record[RECORD.flags]!);
  }

  receive(slot: number, data: Uint8Array, from: Endpoint = { address: "192.0.2.1", port: 5_000 }, at = this.now): void {
    this.now = at;
    this.forwarder.startBatch(at, at);
    encodeSockaddr(this.#bytes, 0, from);
    this.#bytes.set(data.subarray(0, WORKSPACE_AT - PACKET_AT), PACKET_AT);
    this.forwarder.receive(slot, PACKET_AT, data.length, 0);
  }

  word(slot: number, field: keyof typeof SLOT): number {
    return this.table.words[slot * SLOT_WORDS + SLOT[field]]!;
  }

  double(slot: number, field: keyof typeof SLOT_DOUBLE): number {
    return this.table.doubles[slot * SLOT_DOUBLES + SLOT_DOUBLE[field]]!;
  }

  drops(slot: number): Record<string, number> {
    const out: Record<string, number> = {};
    for (const [i, reason] of DROP_REASONS.entries()) {
      const count = this.table.doubles[slot * SLOT_DOUBLES + SLOT_DOUBLE.drops + i]!;
      if (count > 0) out[reason] = count;
    }
    return out;
  }

  destination(slot: number): Endpoint | undefined {
    return decodeSockaddr(this.table.bytes, slot * SLOT_BYTES + SLOT.destination * 4);
  }

  confirmed(slot: number): boolean {
    return (this.word(slot, "state") & STATE.confirmed) !== 0;
  }
}
