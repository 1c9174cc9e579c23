import { describe, expect, test } from "bun:test";
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SPACE } from "../../../ffi/sockaddr.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("socket addresses", () => {
  test("IPv4: family in host order, port and address in network order", () => {
    const bytes = new Uint8Array(SOCKADDR_SPACE + 4).fill(0xff);
    expect(encodeSockaddr(bytes, 4, { address: "192.0.2.17", port: 30002 })).toBe(16);
    expect(hex(bytes.subarray(4, 20))).toBe("02007532c00002110000000000000000");
    expect(decodeSockaddr(bytes, 4)).toEqual({ address: "192.0.2.17", port: 30002 });
  });

  test("IPv6: address after the flow information", () => {
    const bytes = new Uint8Array(SOCKADDR_SPACE);
    expect(encodeSockaddr(bytes, 0, { address: "2001:db8::7", port: 5004 })).toBe(28);
    expect(hex(bytes)).toBe("0a00138c0000000020010db80000000000000000000000070000000000000000");
    expect(decodeSockaddr(bytes, 0)).toEqual({ address: "2001:db8::7", port: 5004 });
  });

  test("what is no address is refused, what is none is not read", () => {
    const bytes = new Uint8Array(SOCKADDR_SPACE);
    expect(encodeSockaddr(bytes, 0, { address: "example.org", port: 1 })).toBe(0);
    expect(encodeSockaddr(bytes, 0, { address: "192.0.2.1", port: 65_536 })).toBe(0);
    expect(decodeSockaddr(bytes, 0)).toBeUndefined();
  });
});
