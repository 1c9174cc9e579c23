/** Direction and hold: the table of the SDP reference, and what it means for media. */
import { describe, expect, test } from "bun:test";
import { ALICE, BOB, lines, Scene } from "./scene.ts";

const directed = (direction: string | undefined, zero: boolean) => {
  const text = direction === undefined ? ALICE : `${ALICE.trim()}\n a=${direction}`;
  return zero ? text.replace("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0") : text;
};

describe.each<[string | undefined, boolean, string]>([
  [undefined, false, "sendrecv"],
  ["sendrecv", false, "sendrecv"],
  ["sendonly", false, "sendonly"],
  ["recvonly", false, "recvonly"],
  ["inactive", false, "inactive"],
  [undefined, true, "sendonly"],
  ["sendrecv", true, "sendonly"],
  ["sendonly", true, "sendonly"],
  ["recvonly", true, "inactive"],
  ["inactive", true, "inactive"],
])("%s with zero address: %p", (direction, zero, shown) => {
  test(`is shown as ${shown}`, () => {
    const out = new Scene().offer(directed(direction, zero));
    expect(lines(out, "a=send", "a=recv", "a=inactive", "c=")).toEqual([
      zero ? "c=IN IP4 0.0.0.0" : "c=IN IP4 198.51.100.7",
      `a=${shown}`,
    ]);
  });

  test("original-sendrecv prints what came", () => {
    const out = new Scene().offer(directed(direction, zero), { flags: new Set(["original-sendrecv"]) });
    expect(lines(out, "a=send", "a=recv", "a=inactive")).toEqual(direction === undefined ? [] : [`a=${direction}`]);
  });

  test("media of who does not send is dropped, of who sends is not", () => {
    const scene = new Scene();
    scene.offer(directed(direction, zero));
    scene.answer(
      shown === "sendonly"
        ? `${BOB.trim()}\n a=recvonly`
        : shown === "inactive"
          ? `${BOB.trim()}\n a=inactive`
          : shown === "recvonly"
            ? `${BOB.trim()}\n a=sendonly`
            : BOB,
    );
    expect(scene.spec(30002).blackhole).toBe(shown === "recvonly" || shown === "inactive");
    expect(scene.spec(30000).blackhole).toBe(shown === "sendonly" || shown === "inactive");
  });
});

test("an IPv6 receiver is held with ::", () => {
  const out = new Scene().offer(directed(undefined, true), { addressFamily: 6 });
  expect(lines(out, "c=", "m=")).toEqual(["m=audio 30000 RTP/AVP 8 0", "c=IN IP6 ::"]);
});

test("replace=zero-address shows our address instead", () => {
  const out = new Scene().offer(directed(undefined, true), { replace: new Set(["zero-address"]) });
  expect(lines(out, "c=", "a=send")).toEqual(["c=IN IP4 198.51.100.7", "a=sendonly"]);
});

test("the trickle placeholder 0.0.0.0:9 is no hold", () => {
  const out = new Scene().offer(directed(undefined, true).replace("4000", "9"));
  expect(lines(out, "c=", "a=send")).toEqual(["c=IN IP4 198.51.100.7", "a=sendrecv"]);
});

test("nothing is sent to a held party and its address is not learned; after the resume it is", () => {
  const scene = new Scene();
  scene.offer(ALICE);
  scene.answer(BOB);
  scene.offer(directed(undefined, true), { toTag: "B" });
  scene.answer(`${BOB.trim()}\n a=recvonly`);
  expect(scene.spec(30002)).toMatchObject({ remote: undefined, mayLearn: false });
  const resumed = scene.offer(ALICE, { toTag: "B" });
  expect(lines(resumed, "m=", "a=send")).toEqual(["m=audio 30000 RTP/AVP 8 0", "a=sendrecv"]);
  scene.answer(BOB);
  expect(scene.spec(30002)).toMatchObject({
    remote: { address: "192.0.2.10", port: 4000 },
    mayLearn: true,
    blackhole: false,
  });
});

test("hold by the callee", () => {
  const scene = new Scene();
  scene.offer(ALICE);
  scene.answer(BOB);
  const out = scene.offer(`${BOB.trim()}\n a=sendonly`, { fromTag: "B", toTag: "A" });
  expect(lines(out, "m=", "a=send")).toEqual(["m=audio 30002 RTP/AVP 8", "a=sendonly"]);
  const back = scene.answer(`${ALICE.replace("8 0", "8").trim()}\n a=recvonly`, { fromTag: "B", toTag: "A" });
  expect(lines(back, "m=", "a=recv")).toEqual(["m=audio 30000 RTP/AVP 8", "a=recvonly"]);
  expect(scene.spec(30002).blackhole).toBe(true);
  expect(scene.spec(30000).blackhole).toBe(false);
});

test("holding with the zero address does not move the call to IPv4", () => {
  const scene = new Scene();
  const six = ALICE.replaceAll("IP4 192.0.2.10", "IP6 2001:db8::10");
  scene.offer(six);
  scene.answer(BOB.replaceAll("IP4 192.0.2.30", "IP6 2001:db8::30"));
  const taken = scene.ports.requests.length;
  scene.offer(six.replace("c=IN IP6 2001:db8::10", "c=IN IP4 0.0.0.0"), { toTag: "B" });
  const back = scene.answer(BOB.replaceAll("IP4 192.0.2.30", "IP6 2001:db8::30"));
  expect(lines(back, "c=")).toEqual(["c=IN IP6 2001:db8::7"]);
  expect(scene.ports.requests.length).toBe(taken);
});
