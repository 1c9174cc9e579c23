import { expect, test } from "bun:test";
import {
  addressBytes,
  addressFromBytes,
  canonicalAddress,
  familyOf,
  formatEndpoint,
  isZeroAddress,
} from "../../src/address.ts";

test("IPv4 addresses as SDP has them", () => {
  for (const text of ["0.0.0.0", "192.0.2.10", "255.255.255.255", "8.8.8.8", "100.64.0.1"]) {
    expect(familyOf(text)).toBe(4);
    expect(canonicalAddress(text)).toBe(text);
    expect(addressFromBytes(addressBytes(text)!)).toBe(text);
  }
  expect(addressBytes("192.0.2.10")).toEqual(Uint8Array.of(192, 0, 2, 10));
  expect(addressBytes("255.254.0.1")).toEqual(Uint8Array.of(255, 254, 0, 1));
});

test("what only looks like an IPv4 address is none", () => {
  const wrong = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.00",
    "1..2.3",
    ".1.2.3",
    "1.2.3.",
    "1.2.3.4 ",
  ];
  for (const text of [...wrong, "a.b.c.d", "1.2.3.-4", "1.2.3.4\n", "1234567.1.1.1"]) {
    expect(familyOf(text)).toBeUndefined();
    expect(canonicalAddress(text)).toBeUndefined();
    expect(addressBytes(text)).toBeUndefined();
  }
});

test("IPv6 addresses come out in the one form of RFC 5952", () => {
  const forms: [string, string][] = [
    ["2001:DB8:0:0:0:0:0:7", "2001:db8::7"],
    ["2001:db8::7", "2001:db8::7"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
  ];
  for (const [text, canonical] of forms) {
    expect(familyOf(text)).toBe(6);
    expect(canonicalAddress(text)).toBe(canonical);
    expect(addressFromBytes(addressBytes(text)!)).toBe(canonical);
  }
});

test("what only looks like an IPv6 address is none", () => {
  for (const text of [
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::1",
    "::1%eth0",
    "1.2.3.4::",
  ]) {
    expect(familyOf(text)).toBeUndefined();
  }
});

test("the zero address means hold in any spelling", () => {
  for (const text of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]) expect(isZeroAddress(text)).toBe(true);
  for (const text of ["0.0.0.1", "::1", "", "zero"]) expect(isZeroAddress(text)).toBe(false);
});

test("endpoints are written with IPv6 in brackets", () => {
  expect(formatEndpoint({ address: "192.0.2.1", port: 5060 })).toBe("192.0.2.1:5060");
  expect(formatEndpoint({ address: "2001:db8::1", port: 5060 })).toBe("[2001:db8::1]:5060");
});
