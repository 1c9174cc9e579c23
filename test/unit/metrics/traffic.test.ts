/** Sums over sockets that come and go. */
import { expect, test } from "bun:test";
import { EventLoopLag } from "../../../src/observe/metrics-event-loop.ts";
import { NgLatency } from "../../../src/observe/metrics-ng.ts";
import {
  addTraffic,
  allTraffic,
  type LocalAddress,
  type Traffic,
  TrafficLedger,
} from "../../../src/observe/metrics-traffic.ts";
import type { StreamCounters } from "../../../src/planes/plane.ts";
import { NO_PACKETS } from "../call/scene.ts";

const PUB = { interface: "pub", local: "203.0.113.10" };
const PRIV = { interface: "priv", local: "10.0.0.5" };

test("counters never go back when a socket closes, and interfaces are kept apart", () => {
  const ledger = new TrafficLedger();
  const busy = { ...NO_PACKETS, packetsIn: 10, lost: 2, drops: { ...NO_PACKETS.drops, "strict-source": 3 } };
  const quiet = { ...NO_PACKETS, packetsIn: 1, bytesOut: 7 };
  const open = (address: LocalAddress, counters: StreamCounters) => ({
    address,
    addTo: (sum: Traffic) => addTraffic(sum, counters),
  });
  const before = ledger.read([open(PUB, busy), open(PRIV, quiet)]);
  expect(before.get("pub/203.0.113.10")).toMatchObject({ packetsIn: 10, lost: 2 });
  ledger.close(PUB, busy);
  const after = ledger.read([open(PRIV, quiet)]);
  expect(allTraffic(after)).toEqual(allTraffic(before));
  expect(allTraffic(after)).toMatchObject({ packetsIn: 11, bytesOut: 7, lost: 2 });
  expect(allTraffic(after).drops["strict-source"]).toBe(3);
  // Reading changes nothing.
  expect(allTraffic(ledger.read([]))).toMatchObject({ packetsIn: 10 });
  expect(allTraffic(ledger.read([]))).toMatchObject({ packetsIn: 10 });
});

test("ng latency by command", () => {
  const latency = new NgLatency();
  latency.observe("offer", 0.0003);
  latency.observe("offer", 5);
  latency.observe("ping", 0.00001);
  expect([...latency.byCommand.keys()]).toEqual(["offer", "ping"]);
  const offer = latency.byCommand.get("offer")!;
  expect(offer.count).toBe(2);
  expect(offer.counts.at(-1)).toBe(1);
  expect(offer.sum).toBeCloseTo(5.0003);
});

test("event loop lag is the lateness of a timer, never negative", () => {
  let now = 0;
  const lag = new EventLoopLag(() => now);
  lag.start();
  try {
    now = 200;
    lag.look();
    now = 460; // due at 400
    lag.look();
    now = 650; // due at 660
    lag.look();
    expect(lag.histogram.count).toBe(3);
    expect(lag.histogram.sum).toBeCloseTo(0.06);
  } finally {
    lag.stop();
  }
});
