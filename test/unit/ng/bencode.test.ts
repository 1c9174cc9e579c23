import { describe, expect, test } from "bun:test";
import oracle from "bencode";
import fc from "fast-check";
import { MAX_NG_DEPTH } from "../../../src/limits.ts";
import { decodeBencode, encodeBencode, ReplyBuffer } from "../../../src/ng/bencode.ts";
import { NgDict, type NgReplyValue, type NgValue } from "../../../src/ng/value.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");
const text = (data: Uint8Array) => Buffer.from(data).toString("latin1");
const decode = (wire: string) => decodeBencode(wire);

/** Byte strings: every character one byte. */
const byteString = fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data).toString("latin1"));
const integer = fc.integer({ min: -(2 ** 31), max: 2 ** 40 });

/** The npm package sorts keys by their text, so only ASCII ones sort by bytes there. */
const key = fc.string({ maxLength: 20 });

/** Plain structures that both implementations can carry. */
const structure: fc.Arbitrary<NgReplyValue> = fc.letrec<{ value: NgReplyValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    byteString,
    integer,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 6 }).map((entries) => new Map(entries)),
  ),
})).value;

/** What the oracle makes of it: Buffers and objects with latin1 keys. */
function forOracle(value: NgReplyValue): unknown {
  if (typeof value === "string") return bytes(value);
  if (typeof value === "number") return value;
  if (Array.isArray(value)) return value.map(forOracle);
  return new Map([...(value as ReadonlyMap<string, NgReplyValue>)].map(([key, item]) => [key, forOracle(item)]));
}

function plain(value: NgValue): unknown {
  if (value instanceof NgDict) return value.entries.map(([key, item]) => [key, plain(item)]);
  return Array.isArray(value) ? (value as readonly NgValue[]).map(plain) : value;
}

function plainReply(value: NgReplyValue): unknown {
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plainReply(item)]);
  return Array.isArray(value) ? (value as readonly NgReplyValue[]).map(plainReply) : value;
}

/** The same with dictionary keys sorted, as the oracle writes them. */
function sorted(value: NgReplyValue): NgReplyValue {
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => [key, sorted(item as NgReplyValue)] as const);
    return new Map(entries.sort(([a], [b]) => Buffer.compare(bytes(a), bytes(b))));
  }
  return Array.isArray(value) ? (value as readonly NgReplyValue[]).map(sorted) : value;
}

describe("bencode", () => {
  test("what the npm package writes is read back as it was", () => {
    fc.assert(
      fc.property(structure, (value) => {
        const wire = oracle.encode(forOracle(value));
        const decoded = decodeBencode(text(wire));
        expect(typeof decoded).toBe("object");
        if (typeof decoded === "string") return;
        expect(decoded.length).toBe(wire.length);
        expect(plain(decoded.value)).toEqual(plainReply(sorted(value)));
      }),
      { numRuns: 500 },
    );
  });

  test("sorted dictionaries are written byte for byte as the npm package writes them", () => {
    fc.assert(
      fc.property(structure, (value) => {
        expect(text(encodeBencode(sorted(value)))).toBe(text(oracle.encode(forOracle(value))));
      }),
      { numRuns: 500 },
    );
  });

  test("what we write we read, in order", () => {
    fc.assert(
      fc.property(structure, (value) => {
        const decoded = decodeBencode(text(encodeBencode(value)));
        expect(typeof decoded === "string" ? decoded : plain(decoded.value)).toEqual(plainReply(value));
      }),
      { numRuns: 500 },
    );
  });

  test("dictionaries need not be sorted and keep repeated keys", () => {
    const decoded = decode("d3:sdp1:x7:call-id1:a7:call-id1:be");
    if (typeof decoded === "string") throw new Error(decoded);
    const dict = decoded.value as NgDict;
    expect(dict.entries).toEqual([
      ["sdp", "x"],
      ["call-id", "a"],
      ["call-id", "b"],
    ]);
    expect(dict.get("call-id")).toBe("a");
  });

  test("strings carry any byte", () => {
    const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
    const decoded = decode(`256:${all}`);
    expect(decoded).toEqual({ value: all, length: 260 });
    expect(text(encodeBencode(all))).toBe(`256:${all}`);
  });

  test.each([
    ["i0e", 0],
    ["i-1e", -1],
    ["i-0e", 0],
    ["i1767225600000120e", 1767225600000120],
  ])("integer %s", (wire, value) => {
    expect(decode(wire)).toEqual({ value, length: wire.length });
  });

  test.each(["x", "i-e", "ie", "i1.5e", "i12345678901234567890e", "di1e1:ae", "3x", "1234567890:a", "d3:abcxe", "e"])(
    "malformed: %s",
    (wire) => {
      expect(decode(wire)).toBe("malformed");
    },
  );

  test("every beginning of a message is incomplete, and the whole one tells its length", () => {
    const wire = "d3:sdp5:v=0\r\n5:flagsl13:trust-addressi-12eed3:abc2:deeee";
    const complete = "d3:sdp5:v=0\r\n5:flagsl13:trust-addressi-12eed3:abc2:deee";
    expect(decode(wire)).toBe("malformed"); // a dictionary where a key is due
    const good = "d3:sdp5:v=0\r\n5:flagsl13:trust-addressi-12ee4:dictd3:abc2:deee";
    for (let end = 0; end < good.length; end++) expect(decode(good.slice(0, end))).toBe("incomplete");
    expect(decode(`${good}next 1:x`)).toMatchObject({ length: good.length });
    expect(decode(complete)).toBe("malformed");
  });

  test("a value in the middle of a stream is read at its offset", () => {
    const decoded = decodeBencode("cookie d1:a1:bemore", 7);
    expect(decoded).toMatchObject({ length: 8 });
  });

  test("nesting has a limit", () => {
    const nest = (depth: number) => "l".repeat(depth) + "e".repeat(depth);
    expect(typeof decode(nest(MAX_NG_DEPTH))).toBe("object");
    expect(decode(nest(MAX_NG_DEPTH + 1))).toBe("malformed");
    expect(decode("l".repeat(60_000))).toBe("malformed");
  });

  test("reply keys without value are left out, the rest keeps its order", () => {
    const reply = { sdp: "v=0", warning: undefined, calls: ["b", "a"], result: "ok" };
    expect(text(encodeBencode(reply))).toBe("d3:sdp3:v=05:callsl1:b1:ae6:result2:oke");
  });

  test("the buffer grows with the reply and is used again", () => {
    const buffer = new ReplyBuffer();
    const large = "x".repeat(200_000);
    buffer.bencode({ sdp: large });
    expect(text(buffer.bytes())).toBe(`d3:sdp200000:${large}e`);
    buffer.clear();
    buffer.bencode("ab");
    expect(text(buffer.bytes())).toBe("2:ab");
  });
});
