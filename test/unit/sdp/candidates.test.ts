import { describe, expect, test } from "bun:test";
import {
  candidatePriority,
  formatCandidate,
  formatRemoteCandidates,
  parseCandidate,
} from "../../../src/sdp/candidates.ts";

describe("candidates", () => {
  test("a browser's host candidate, extensions ignored", () => {
    expect(
      parseCandidate("842163049 1 udp 1677729535 192.0.2.20 50000 typ host generation 0 network-id 1 network-cost 10"),
    ).toEqual({
      foundation: "842163049",
      component: 1,
      priority: 1677729535,
      endpoint: { address: "192.0.2.20", port: 50000 },
      type: "host",
      related: undefined,
    });
  });

  test("reflexive and relayed ones with their related address", () => {
    expect(parseCandidate("1 2 UDP 1 203.0.113.9 6000 typ srflx raddr 10.0.0.1 rport 5000 ufrag abcd")).toMatchObject({
      component: 2,
      type: "srflx",
      related: { address: "10.0.0.1", port: 5000 },
    });
    expect(parseCandidate("1 1 UDP 1 203.0.113.9 6000 typ relay raddr nowhere rport 5000")?.related).toBeUndefined();
    expect(parseCandidate("1 1 UDP 1 203.0.113.9 6000 typ prflx")?.type).toBe("prflx");
  });

  test("IPv6 addresses become canonical", () => {
    expect(parseCandidate("1 1 UDP 1 2001:DB8:0:0::1 6000 typ host")?.endpoint.address).toBe("2001:db8::1");
  });

  test("prefixes of trickle clients are taken off", () => {
    const bare = parseCandidate("1 1 UDP 1 192.0.2.1 6000 typ host");
    expect(parseCandidate("candidate:1 1 UDP 1 192.0.2.1 6000 typ host")).toEqual(bare!);
    expect(parseCandidate("a=candidate:1 1 UDP 1 192.0.2.1 6000 typ host")).toEqual(bare!);
  });

  test("TCP, names, unknown types and malformed ones are none", () => {
    for (const value of [
      "1 1 TCP 1 192.0.2.1 9 typ host tcptype active",
      "1 1 UDP 1 4c1f-a2.local 6000 typ host",
      "1 1 UDP 1 192.0.2.1 6000 typ other",
      "1 1 UDP 1 192.0.2.1 6000 host",
      "1 1 UDP 1 192.0.2.1 6000 typ",
      "1 1 UDP 1 192.0.2.1 65536 typ host",
      "1 1 UDP 4294967296 192.0.2.1 6000 typ host",
      "1 1 UDP x 192.0.2.1 6000 typ host",
      "1 0 UDP 1 192.0.2.1 6000 typ host",
      "1 257 UDP 1 192.0.2.1 6000 typ host",
      `${"f".repeat(33)} 1 UDP 1 192.0.2.1 6000 typ host`,
      "",
    ]) {
      expect(parseCandidate(value)).toBeUndefined();
    }
  });

  test("print as the reference does", () => {
    const host = {
      foundation: "Fo0123456789abcd",
      component: 1,
      priority: 2130706431,
      endpoint: { address: "198.51.100.7", port: 30000 },
      type: "host",
      related: undefined,
    } as const;
    expect(formatCandidate(host)).toBe("Fo0123456789abcd 1 UDP 2130706431 198.51.100.7 30000 typ host");
    expect(formatCandidate({ ...host, type: "relay", related: host.endpoint })).toBe(
      "Fo0123456789abcd 1 UDP 2130706431 198.51.100.7 30000 typ relay raddr 198.51.100.7 rport 30000",
    );
    expect(formatRemoteCandidates([host, { ...host, component: 2 }])).toBe("1 198.51.100.7 30000 2 198.51.100.7 30000");
  });

  test("priorities", () => {
    expect(candidatePriority("host", 0, 1)).toBe(2130706431);
    expect(candidatePriority("host", 0, 2)).toBe(2130706430);
    expect(candidatePriority("host", 1, 1)).toBe(2130706175);
    expect(candidatePriority("host", 1, 2)).toBe(2130706174);
    expect(candidatePriority("relay", 0, 1)).toBe(16777215);
  });
});
