import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_NG_DEPTH } from "../../../src/limits.ts";
import { decodeJson, encodeJson, fromByteString, toByteString } from "../../../src/ng/json.ts";
import { NgDict, type NgValue } from "../../../src/ng/value.ts";

const decode = (text: string) => decodeJson(toByteString(text));

function plain(value: NgValue): unknown {
  if (value instanceof NgDict) return Object.fromEntries(value.entries.map(([key, item]) => [key, plain(item)]));
  return Array.isArray(value) ? (value as readonly NgValue[]).map(plain) : value;
}

/** What JSON.parse gives, in ng's terms. */
function expected(value: unknown): unknown {
  if (typeof value === "string") return toByteString(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number") return Math.trunc(value) + 0;
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(expected);
  const entries = Object.entries(value as object).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([key, item]) => [toByteString(key), expected(item)]));
}

describe("JSON", () => {
  test("agrees with JSON.parse on documents of any shape", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 4 })),
        fc.constantFrom(undefined, 2),
        (value, indent) => {
          const text = JSON.stringify(value, undefined, indent);
          const decoded = decode(text);
          if (typeof decoded === "string") throw new Error(`${decoded}: ${text}`);
          expect(plain(decoded.value)).toEqual(expected(JSON.parse(text)));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("keeps repeated keys and the order of keys that look like numbers", () => {
    const decoded = decode('{"b":"1","2":"x","1":"y","b":"2"}');
    if (typeof decoded === "string") throw new Error(decoded);
    expect((decoded.value as NgDict).entries).toEqual([
      ["b", "1"],
      ["2", "x"],
      ["1", "y"],
      ["b", "2"],
    ]);
  });

  test("text becomes its UTF-8 bytes and back", () => {
    const decoded = decode('{"from-tag":"J\\u00fcrgen ☎"}');
    if (typeof decoded === "string") throw new Error(decoded);
    const tag = (decoded.value as NgDict).string("from-tag")!;
    expect(tag).toBe(Buffer.from("Jürgen ☎", "utf8").toString("latin1"));
    expect(fromByteString(tag)).toBe("Jürgen ☎");
    expect(encodeJson({ tag })).toBe('{"tag":"Jürgen ☎"}');
  });

  test("bytes that are no UTF-8 are shown as latin1", () => {
    expect(encodeJson({ tag: "\xe9\xff" })).toBe('{"tag":"éÿ"}');
  });

  test("booleans are 0 and 1, null members are left out, decimals are cut", () => {
    const decoded = decode('{"a":true,"b":false,"c":null,"d":-2.9,"e":[null,1]}');
    if (typeof decoded === "string") throw new Error(decoded);
    expect(plain(decoded.value)).toEqual({ a: 1, b: 0, d: -2, e: [1] });
  });

  test.each([
    "{",
    '{"a"}',
    '{"a":1,}',
    "{'a':1}",
    '{"a":01}',
    '{"a":"\n"}',
    '{"a":"\\x"}',
    '{"a":1}x',
    "",
    '{"a":nul}',
  ])("not JSON: %s", (text) => {
    expect(decode(text)).toBe("syntax");
  });

  test("broken UTF-8 is not JSON", () => {
    expect(decodeJson('{"\xff":1}')).toBe("syntax");
  });

  test("nesting has a limit", () => {
    const nest = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(typeof decode(nest(MAX_NG_DEPTH))).toBe("object");
    expect(decode(nest(MAX_NG_DEPTH + 1))).toBe("content");
    expect(decode(`{"a":${"[".repeat(30_000)}`)).toBe("content");
  });

  test("replies keep their order, maps too", () => {
    const reply = {
      SSRC: new Map([
        ["99", 1],
        ["5", 2],
      ]),
      none: undefined,
      result: "ok",
    };
    expect(encodeJson(reply)).toBe('{"SSRC":{"99":1,"5":2},"result":"ok"}');
  });
});
