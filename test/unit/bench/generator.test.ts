// The load generator against a relay whose faults are known: it must find each of them and no others.
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Agent } from "../../../bench/agent.ts";
import type { GeneratorRequest, RunResult } from "../../../bench/generator.ts";
import type { RelayPorts } from "../../../bench/stream-frames.ts";

const CALLS = 3;
const RELAY = "127.0.30.200";
const PARTIES = { addressA: "127.0.30.201", addressB: "127.0.30.202", firstPort: 26_100 };

interface Faults {
  dropped: number;
  doubled: number;
  spoilt: number;
}

/** What happens to the n-th packet (from 1). */
type Fault = (n: number) => "drop" | "double" | "spoil" | "none";

/** A relay of `CALLS` calls in this process; each side of a call has a socket facing its party. */
async function relay(firstPort: number, fault: Fault) {
  const faults: Faults = { dropped: 0, doubled: 0, spoilt: 0 };
  const sockets: Bun.udp.Socket<"uint8array">[] = [];
  const ports: RelayPorts[] = [];
  let n = 0;
  const open = (port: number, side: number, call: number) =>
    Bun.udpSocket({
      hostname: RELAY,
      port,
      binaryType: "uint8array",
      socket: {
        data(_, packet) {
          const out = sockets[call * 2 + (1 - side)]!;
          const to = side === 0 ? PARTIES.addressB : PARTIES.addressA;
          const send = () => out.send(packet, PARTIES.firstPort + 2 * call, to);
          const what = fault(++n);
          if (what === "drop") {
            faults.dropped++;
            return;
          }
          if (what === "spoil") {
            faults.spoilt++;
            packet[packet.length - 1]! ^= 1;
          }
          send();
          if (what === "double") {
            faults.doubled++;
            send();
          }
        },
      },
    });
  for (let call = 0; call < CALLS; call++) {
    const port = firstPort + call * 4;
    sockets.push(await open(port, 0, call), await open(port + 2, 1, call));
    ports.push([RELAY, port, RELAY, port + 2]);
  }
  const close = () => {
    for (const socket of sockets) socket.close();
  };
  return { faults, ports, close };
}

const allowed = process.getuid?.() === 0;

describe.skipIf(!allowed)("load generator (raw sockets need root)", () => {
  let agent: Agent<GeneratorRequest> | undefined;
  afterAll(() => agent?.stop());

  const run = async (id: number, ports: readonly RelayPorts[]): Promise<RunResult> => {
    if (!agent) {
      agent = new Agent<GeneratorRequest>(join(import.meta.dir, "../../../bench/generator.ts"), {
        namespace: undefined,
        cpus: [navigator.hardwareConcurrency - 1],
        nice: 0,
      });
      await agent.ask({ do: "open", parties: PARTIES, payload: 172, wire: undefined });
    }
    await agent.ask({ do: "load", id, relay: ports });
    return agent.ask<RunResult>({
      do: "run",
      id,
      calls: CALLS,
      rate: 50,
      warmSeconds: 0,
      seconds: 1,
      pid: process.pid,
      companions: [],
      rest: 500,
    });
  };

  test("a faithful relay loses, doubles and spoils nothing", async () => {
    const { ports, close } = await relay(26_300, () => "none");
    const result = await run(1, ports);
    close();
    expect(result).toMatchObject({ sent: 300, received: 300, lost: 0, duplicates: 0, reordered: 0, wrong: 0 });
    expect(result.cpu).toBeGreaterThan(0);
    expect(result.latency.p50).toBeGreaterThan(0);
    expect(result.latency.max).toBeGreaterThanOrEqual(result.latency.p99);
  });

  test("dropped, doubled and spoilt packets are each found", async () => {
    const { faults, ports, close } = await relay(26_400, (n) =>
      n % 11 === 0 ? "drop" : n % 17 === 0 ? "double" : n % 23 === 0 ? "spoil" : "none",
    );
    const result = await run(2, ports);
    close();
    expect(faults.dropped).toBeGreaterThan(20);
    expect(faults.doubled).toBeGreaterThan(10);
    expect(faults.spoilt).toBeGreaterThan(5);
    expect(result.wrong).toBe(faults.spoilt);
    expect(result.duplicates).toBe(faults.doubled);
    expect(result.lost).toBe(faults.dropped + faults.spoilt);
  });

  test("packets that come out of another call's port are wrong, not relayed", async () => {
    const { ports, close } = await relay(26_500, () => "none");
    // The generator is told that call 0 uses call 1's ports and the other way round: parties get each other's media.
    const crossed = [ports[1]!, ports[0]!, ports[2]!];
    const result = await run(3, crossed);
    close();
    expect(result.wrong).toBe(200);
    expect(result.received).toBe(100);
  });
});
