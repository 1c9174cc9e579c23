/** The o= and s= lines: the table of the SDP reference. */
import { describe, expect, test } from "bun:test";
import type { Directives } from "../../../src/call/directives.ts";
import { ALICE, BOB, lines, Scene } from "./scene.ts";

type Replace = Directives["replace"];
const replace = (...words: (Replace extends ReadonlySet<infer W> ? W : never)[]): { replace: Replace } => ({
  replace: new Set(words),
});

const version = (text: string) => lines(text, "o=")[0]?.split(" ")[2];
const withOrigin = (origin: string) => ALICE.replace("o=alice 100 1 IN IP4 192.0.2.10", `o=${origin}`);

test("without flags the sender's, private address included", () => {
  const out = new Scene().offer(withOrigin("alice 100 1 IN IP4 10.0.0.1"));
  expect(lines(out, "o=")).toEqual(["o=alice 100 1 IN IP4 10.0.0.1"]);
});

test("origin: our address, in the family of the receiver, and the same one ever after", () => {
  const scene = new Scene();
  expect(lines(scene.offer(ALICE, replace("origin")), "o=")).toEqual(["o=alice 100 1 IN IP4 198.51.100.7"]);
  const six = scene.offer(ALICE, { ...replace("origin"), addressFamily: 6 });
  expect(lines(six, "o=", "c=")).toEqual(["o=alice 100 1 IN IP4 198.51.100.7", "c=IN IP6 2001:db8::7"]);
});

test("username: that of the first SDP towards this receiver; an empty one is a dash", () => {
  const scene = new Scene();
  scene.offer(ALICE);
  const out = scene.offer(withOrigin("other 200 5 IN IP4 192.0.2.10"), replace("username"));
  expect(lines(out, "o=")).toEqual(["o=alice 200 5 IN IP4 192.0.2.10"]);
});

test("origin-full: user, session id and address of the first, own version", () => {
  const scene = new Scene();
  expect(lines(scene.offer(ALICE, replace("origin-full")), "o=")).toEqual(["o=alice 100 1 IN IP4 198.51.100.7"]);
  const out = scene.offer(withOrigin("other 200 5 IN IP4 192.0.2.11"), replace("origin-full"));
  expect(lines(out, "o=")).toEqual(["o=alice 100 1 IN IP4 198.51.100.7"]);
});

test("each receiver has a memory of its own", () => {
  const scene = new Scene();
  scene.offer(ALICE, replace("origin-full"));
  const out = scene.answer(BOB, replace("origin-full"));
  expect(lines(out, "o=")).toEqual(["o=bob 7 7 IN IP4 198.51.100.7"]);
});

describe("version", () => {
  test("sdp-version: one more only when the text differs", () => {
    const scene = new Scene();
    const flags = replace("sdp-version");
    expect(version(scene.offer(withOrigin("alice 100 41 IN IP4 192.0.2.10"), flags))).toBe("41");
    expect(version(scene.offer(withOrigin("alice 100 99 IN IP4 192.0.2.10"), flags))).toBe("41");
    expect(version(scene.offer(`${ALICE.trim()}\n a=sendonly`, flags))).toBe("42");
    expect(version(scene.offer(`${ALICE.trim()}\n a=sendonly`, flags))).toBe("42");
    expect(version(scene.offer(ALICE, flags))).toBe("43");
  });

  test("force-increment-sdp-ver: one more every time", () => {
    const scene = new Scene();
    const versions = [1, 2, 3].map(() => version(scene.offer(ALICE, replace("force-increment-sdp-ver"))));
    expect(versions).toEqual(["1", "2", "3"]);
  });

  test("numbers beyond a double's precision stay exact", () => {
    const scene = new Scene();
    const big = withOrigin("alice 100 9007199254740993 IN IP4 192.0.2.10");
    scene.offer(big, replace("force-increment-sdp-ver"));
    expect(version(scene.offer(big, replace("force-increment-sdp-ver")))).toBe("9007199254740994");
  });
});

test("session-name: the first one", () => {
  const scene = new Scene();
  scene.offer(ALICE);
  const out = scene.offer(ALICE.replace("s=call", "s=other"), replace("session-name"));
  expect(lines(out, "s=")).toEqual(["s=call"]);
  expect(lines(scene.offer(ALICE.replace("s=call", "s=other")), "s=")).toEqual(["s=other"]);
});
