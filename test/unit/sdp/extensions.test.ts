import { describe, expect, test } from "bun:test";
import {
  allowMixed,
  answerExtensions,
  formatExtension,
  MID_EXTENSION,
  offerExtensions,
  withMidExtension,
} from "../../../src/sdp/extensions.ts";
import type { HeaderExtension } from "../../../src/sdp/model.ts";
import { section } from "./echo.ts";

function extensions(...values: readonly string[]): readonly HeaderExtension[] {
  return section("m=audio 4000 RTP/AVP 8", ...values.map((value) => `a=extmap:${value}`)).extmap;
}

const text = (list: readonly HeaderExtension[]) => list.map(formatExtension);

test("values print as they came", () => {
  const values = ["1 urn:a", "2/sendonly urn:b", "14/recvonly urn:c short 1,2"];
  expect(text(extensions(...values))).toEqual(values);
});

describe("an offer", () => {
  const sent = extensions("1 urn:a", "2 urn:b", "3 urn:c");

  test("loses stripped and masked extensions", () => {
    expect(text(offerExtensions(sent, ["urn:a"], ["urn:c"]))).toEqual(["2 urn:b"]);
    expect(offerExtensions(sent, ["all"], [])).toEqual([]);
    expect(offerExtensions(sent, [], ["all"])).toEqual([]);
    expect(offerExtensions(sent, [], [])).toBe(sent);
  });
});

describe("an answer", () => {
  const offered = extensions("1 urn:a", "2/sendonly urn:b", "3 urn:c");

  test("has only what both accepted, by the offerer's ids, in its order", () => {
    expect(text(answerExtensions(offered, extensions("7 urn:c", "1 urn:a", "9 urn:x"), [], []))).toEqual([
      "1 urn:a",
      "3 urn:c",
    ]);
    expect(answerExtensions(offered, [], [], [])).toEqual([]);
  });

  test("keeps masked extensions, seen from the other side", () => {
    expect(text(answerExtensions(offered, [], [], ["urn:b"]))).toEqual(["2/recvonly urn:b"]);
    expect(text(answerExtensions(offered, extensions("1 urn:a"), ["urn:a"], ["all"]))).toEqual([
      "2/recvonly urn:b",
      "3 urn:c",
    ]);
  });
});

test("extmap-allow-mixed goes with extensions unless the receiver sent some without it", () => {
  const list = extensions("1 urn:a");
  expect(allowMixed(list, undefined)).toBe(true);
  expect(allowMixed([], undefined)).toBe(false);
  expect(allowMixed(list, { extmap: [], extmapAllowMixed: false })).toBe(true);
  expect(allowMixed(list, { extmap: list, extmapAllowMixed: false })).toBe(false);
  expect(allowMixed(list, { extmap: list, extmapAllowMixed: true })).toBe(true);
});

test("the mid extension is added once, with the first free id, never the reserved 15", () => {
  expect(text(withMidExtension([]))).toEqual([`1 ${MID_EXTENSION}`]);
  expect(text(withMidExtension(extensions("1 urn:a", "3 urn:b"))).at(-1)).toBe(`2 ${MID_EXTENSION}`);
  const has = extensions(`5 ${MID_EXTENSION}`);
  expect(withMidExtension(has)).toBe(has);
  const fourteen = extensions(...Array.from({ length: 14 }, (_, i) => `${i + 1} urn:${i}`));
  expect(withMidExtension(fourteen).at(-1)?.id).toBe(16);
});
