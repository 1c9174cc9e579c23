import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { EventFd } from "../../../ffi/event-fd.ts";
import { probeIoUring } from "../../../ffi/io-uring.ts";
import { libc, MSG_DONTWAIT } from "../../../ffi/libc.ts";
import { mapArena } from "../../../ffi/memory.ts";
import { encodeSockaddr } from "../../../ffi/sockaddr.ts";
import { closeSocket, localEndpoint, openUdpSocket } from "../../../ffi/udp-socket.ts";
import { chooseSrtpLibrary } from "../../../src/media/srtp/library.ts";
import { SrtpSession } from "../../../src/media/srtp/session.ts";
import { encodeApply, RECORD } from "../../../src/relay/command.ts";
import { applyCommand } from "../../../src/relay/configure.ts";
import type { EngineName } from "../../../src/relay/engine.ts";
import { createEngine } from "../../../src/relay/engines.ts";
import { Forwarder } from "../../../src/relay/forwarder.ts";
import { encodeKeys } from "../../../src/relay/guard-command.ts";
import { Guards } from "../../../src/relay/guards.ts";
import { SLOT_BYTES, SLOT_DOUBLE, SLOT_DOUBLES } from "../../../src/relay/layout.ts";
import { CLOCK_RATES_BYTES, viewTable } from "../../../src/relay/table-views.ts";
import { rtp } from "../../contract/packets.ts";
import { keysOf } from "../../contract/secure-party.ts";

const ENGINES: readonly EngineName[] = probeIoUring().state === "no" ? ["epoll"] : ["epoll", "io_uring"];

/** Packets before anything is measured: compiled code settles. */
const WARM_UP = 64_000;
const MEASURED = 200_000;
const BURST = 32;

const { name: srtp, library } = chooseSrtpLibrary();

/** Suites of the two sides; undefined = plain. */
const CALLS: readonly (readonly [string, string | undefined, string | undefined])[] = [
  ["plain RTP", undefined, undefined],
  // Without libcrypto packets are encrypted with the runtime's crypto, which does allocate, and says so at start.
  ...(srtp === "libcrypto" ? ([["SRTP of two suites", "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"]] as const) : []),
];

const CASES = ENGINES.flatMap((name) => CALLS.map(([what, a, b]) => ({ name, what, suites: [a, b] as const })));

describe.each(CASES)("the packet path of the $name engine, $what", ({ name, suites }) => {
  test(`allocates nothing over ${MEASURED} packets, and loses none`, () => {
    const tableArena = mapArena(4 * SLOT_BYTES);
    const rates = mapArena(CLOCK_RATES_BYTES);
    const table = viewTable(tableArena.view(0, 4 * SLOT_BYTES), rates.view(0, CLOCK_RATES_BYTES));
    const wake = new EventFd();
    const reports = { packet: () => true, event: () => {} };
    let guards!: Guards;
    const engine = createEngine(name, {
      table,
      tableAddress: tableArena.address,
      wake,
      gatherMicroseconds: 0,
      beforeBatch: () => {},
      forwarder: (buffer, sender) => {
        guards = new Guards(library, buffer);
        return new Forwarder(table, buffer, sender, reports, guards);
      },
    });
    const open = (address: string) => openUdpSocket({ address, port: 0 }, { tos: 0, receiveBuffer: 1 << 20 }) as number;
    const sockets = [open("127.0.10.8"), open("127.0.10.8")];
    const parties = [open("127.0.10.9"), open("127.0.10.9")];
    for (const [slot, fd] of sockets.entries()) {
      const record = new Int32Array(RECORD.words);
      const suite = suites[slot];
      const decrypt = suite === undefined ? undefined : keysOf(suite, `${slot} to us`);
      const encrypt = suite === undefined ? undefined : keysOf(suite, `${slot} from us`);
      const head = { slot, incarnation: slot + 1, sequence: 1 };
      for (const [direction, keys] of [
        ["decrypt", decrypt],
        ["encrypt", encrypt],
      ] as const) {
        if (!keys) continue;
        encodeKeys(record, new Uint8Array(record.buffer), head, direction, keys);
        guards.setKeys(record);
      }
      encodeApply(
        record,
        new Uint8Array(record.buffer),
        {
          socket: slot,
          label: "",
          component: "rtp",
          isRtp: true,
          rtcpMux: true,
          remote: localEndpoint(parties[slot]!)!,
          mayLearn: true,
          learning: "heuristic",
          asymmetric: false,
          strictSource: true,
          mediaHandover: false,
          blackhole: false,
          drop: false,
          natWait: false,
          stripFeedback: true,
          handUp: { stun: true, dtls: true },
          payloadTypes: [8],
          clockRates: new Map(),
          rtpSinks: [1 - slot],
          rtcpSinks: [1 - slot],
          generation: 1,
          decrypt,
          encrypt,
        },
        { incarnation: slot + 1, sequence: 1, fd, family: 4, sink: (id) => id + 1, clockRate: () => 1 },
      );
      applyCommand(table, record, reports, Date.now(), 3_000);
      expect(engine.watch(slot, fd)).toBe(0);
    }

    // The other end of the wire, without garbage of its own.
    const arena = mapArena(8_192);
    const bytes = new Uint8Array(arena.view());
    const secured = suites.map(
      (suite, side) =>
        suite &&
        new SrtpSession(keysOf(suite, `${side} to us`), library, { address: arena.address, bytes }, 4_096, 4_352),
    );
    const clear = rtp();
    encodeSockaddr(bytes, 0, localEndpoint(sockets[0]!)!);
    encodeSockaddr(bytes, 32, localEndpoint(sockets[1]!)!);
    bytes.set(rtp(), 64);
    let sequence = 0;
    const exchange = (packets: number) => {
      for (let sent = 0; sent < packets; ) {
        for (let i = 0; i < BURST; i++, sent++) {
          sequence = (sequence + 1) & 0xffff;
          const side = i & 1;
          const session = secured[side];
          if (session) bytes.set(clear, 64);
          bytes[66] = sequence >> 8;
          bytes[67] = sequence & 255;
          const length = session ? session.protectRtp(64, 172) : 172;
          libc.sendto(parties[side]!, arena.address + 64, length, MSG_DONTWAIT, arena.address + 32 * side, 16);
        }
        for (let got = 0; got < BURST; ) got += engine.turn(100);
        for (let side = 0; side < 2; side++) {
          while (libc.recvfrom(parties[side]!, arena.address + 1_024, 2_048, MSG_DONTWAIT, 0, 0) >= 0) received++;
        }
      }
    };
    let received = 0;
    exchange(WARM_UP);
    Bun.gc(true);
    const before = heapStats();
    received = 0;
    exchange(MEASURED);
    const after = heapStats();
    expect(received).toBe(MEASURED);
    const grown = after.heapSize - before.heapSize;
    // A single object per packet would be 3 MB at least; statistics themselves make a few.
    expect(grown).toBeLessThan(256 << 10);
    expect(after.objectCount - before.objectCount).toBeLessThan(2_000);
    for (let slot = 0; slot < 2; slot++) {
      const total = WARM_UP + MEASURED;
      expect(table.doubles[slot * SLOT_DOUBLES + SLOT_DOUBLE.packetsOut]).toBe(total / 2);
      engine.unwatch(slot, sockets[slot]!);
    }
    engine.close();
    wake.close();
    for (const fd of [...sockets, ...parties]) closeSocket(fd);
    for (const memory of [tableArena, rates, arena]) memory.release();
  }, 30_000);
});
