import { describe, expect, test } from "bun:test";
import { Histogram } from "../../../bench/histogram.ts";
import { COOKIE_LENGTH, NgRequests, ngCallId, ngCookie, relayEndpoint } from "../../../bench/ng-message.ts";
import { NO_USAGE, usedBetween } from "../../../bench/process-usage.ts";
import { median, pairedRatio } from "../../../bench/statistics.ts";

describe("figures", () => {
  test("a quantile is right to two percent, the maximum exact", () => {
    const histogram = new Histogram();
    for (let us = 1; us <= 10_000; us++) histogram.add(us * 1000);
    histogram.add(5_000_000_000);
    const { p50, p99, max } = histogram.summary();
    expect(Math.abs(p50 / 5_000 - 1)).toBeLessThan(0.02);
    expect(Math.abs(p99 / 9_900 - 1)).toBeLessThan(0.02);
    expect(max).toBe(5_000_000);
  });

  test("ratios are taken pair by pair, so that a slow machine in one round does not count", () => {
    // The machine is twice as slow in the second round; the program is always at half of the peer.
    expect(pairedRatio([5, 10, 5], [10, 20, 10])).toEqual({ low: 0.5, median: 0.5, high: 0.5 });
    expect(median([3, 1, 2, 10])).toBe(2.5);
  });

  test("a thread that ends or starts within the window never makes the used time negative", () => {
    const before = {
      tickSeconds: 1,
      threads: new Map([
        ["1", [5e9, 1e9] as const],
        ["2", [9e9, 0] as const],
      ]),
    };
    const after = {
      tickSeconds: 2.5,
      threads: new Map([
        ["1", [6e9, 1e9] as const],
        ["3", [5e8, 0] as const],
      ]),
    };
    expect(usedBetween(before, after)).toEqual({ cpu: 1.5, wait: 0, ticks: 1.5 });
    expect(usedBetween(NO_USAGE, NO_USAGE)).toEqual({ cpu: 0, wait: 0, ticks: 0 });
  });
});

describe("ng requests of the load", () => {
  test("are complete bencode dictionaries whose SDP length is right, with cookie, call-id and port filled in", () => {
    const requests = new NgRequests({ addressA: "198.18.0.1", addressB: "198.18.0.2" });
    const out = new Uint8Array(4096);
    const cookie = ngCookie(7, 123_456_789);
    expect(cookie.length).toBe(COOKIE_LENGTH);
    for (const command of ["offer", "answer", "delete"] as const) {
      const length = requests.write(command, out, cookie, ngCallId("media", 42), 19_000);
      const text = Buffer.from(out.subarray(0, length)).toString("latin1");
      expect(text.startsWith(`${cookie} d`)).toBe(true);
      const end = skip(text, COOKIE_LENGTH + 1);
      expect(end).toBe(text.length);
      expect(text).toContain("7:call-id32:media-------0000000042@192.0.2.1");
      if (command !== "delete") expect(text).toContain("m=audio 19000 RTP/AVP");
    }
  });

  test("a refused offer is told in the daemon's words", () => {
    expect(() => relayEndpoint("0_1 d6:result5:error12:error-reason17:Ran out of ports.e")).toThrow("Ran out of ports");
  });
});

/** Index behind the bencode value at `at`. */
function skip(text: string, at: number): number {
  const kind = text[at]!;
  if (kind === "d" || kind === "l") {
    let next = at + 1;
    while (text[next] !== "e") next = skip(text, next);
    return next + 1;
  }
  const colon = text.indexOf(":", at);
  return colon + 1 + Number(text.slice(at, colon));
}
