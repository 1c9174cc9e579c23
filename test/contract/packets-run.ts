/**
 * Run as a process of its own: sends many packets through a plane with one worker, over real sockets, and says on stderr
 * where the hot section begins and ends, so that whoever reads the garbage collector's log there can tell.
 *
 * Arguments: engine, packets, packets to warm up with.
 */
import { readFileSync } from "node:fs";
import { libc } from "../../ffi/libc.ts";
import { startUserspacePlane } from "../../src/planes/userspace.ts";
import type { InterfaceAddress } from "../../src/relay/ports.ts";
import { Parties } from "../soak/parties.ts";

const [engine, packets, warmUp] = process.argv.slice(2);
const CALLS = 16;
/** Packets on their way at once: what the queues hold with ease. */
const WINDOW = 512;
const ADDRESS: InterfaceAddress = {
  interface: "default",
  family: 4,
  local: "127.0.12.1",
  advertised: "127.0.12.1",
  portMin: 22_000,
  portMax: 24_399,
  excludePorts: new Set(),
};
const relay = await startUserspacePlane({
  engine: engine === "io_uring" ? "io_uring" : "epoll",
  threads: 1,
  capacity: 1_024,
  random: { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)) },
  onEvent: () => {},
  log: (level, message) => console.error(`${level}: ${message}`),
});
const parties = new Parties("127.0.12.2", CALLS * 2);
const sockets = parties.endpoints.map((_, party) => {
  const got = relay.ports.acquire(ADDRESS, 1, { tos: 0, affinity: party >> 1 });
  if ("kind" in got) throw new Error(got.message);
  parties.aim(party, { address: ADDRESS.local, port: got[0]!.port });
  return got[0]!;
});
relay.plane.apply(
  sockets.map((socket, party) => ({
    socket: socket.id,
    label: "",
    component: "rtp",
    isRtp: true,
    rtcpMux: true,
    remote: parties.endpoints[party]!,
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
    clockRates: new Map([[8, 8_000]]),
    rtpSinks: [sockets[party ^ 1]!.id],
    rtcpSinks: [sockets[party ^ 1]!.id],
    generation: 1,
  })),
);
await relay.plane.settled();

let next = 0;
function exchange(count: number): void {
  let waits = 0;
  let sent = 0;
  for (let got = 0; got < count; ) {
    for (; sent < count && sent - got < WINDOW; sent++) {
      parties.send(next);
      next = (next + 1) % (CALLS * 2);
    }
    let now = 0;
    for (let party = 0; party < CALLS * 2; party++) now += parties.take(party);
    got += now;
    if (now > 0) waits = 0;
    else if (++waits > 20_000) throw new Error(`${sent - got} packets did not come`);
    // Gives them time to become many.
    libc.usleep(100);
  }
}
const resident = () => Number(readFileSync("/proc/self/statm", "latin1").split(" ")[1]) * 4_096;

exchange(Number(warmUp));
const before = resident();
const start = performance.now();
console.error("HOT SECTION BEGINS");
exchange(Number(packets));
console.error("HOT SECTION ENDS");
const seconds = (performance.now() - start) / 1_000;
const after = resident();
let lost = 0;
for (let party = 0; party < CALLS * 2; party++) lost += parties.sent[party]! - parties.received[party ^ 1]!;
const counted = relay.reader.totals().user.packets;
console.log(JSON.stringify({ seconds, grown: after - before, lost, counted }));
await relay.stop();
process.exit(0);
