import { expect } from "bun:test";
import { NgCall, plainSdp } from "./ng-call.ts";
import { encodeNg, pick } from "./ng-client.ts";
import { DAEMON } from "./requirement.ts";
import { scenario } from "./scene.ts";

scenario("the same datagram five times: one execution, five identical replies", [DAEMON], async (scene) => {
  const daemon = await scene.startDaemon();
  const { ng } = daemon;
  const call = new NgCall(ng, "retransmitted");
  const before = ng.datagrams.length;
  const cookie = ng.cookie();
  const datagram = `${cookie} ${encodeNg(call.offerBody())}`;
  for (let i = 0; i < 5; i++) ng.send(datagram);
  await ng.received(before + 5);
  const replies = ng.datagrams.slice(before);
  expect(new Set(replies).size).toBe(1);
  expect(replies[0]).toStartWith(`${cookie} d`);
  expect(replies[0]).toContain("6:result2:ok");
  expect(daemon.openPorts()).toHaveLength(4); // RTP and RTCP of two legs, once

  const statistics = await ng.request({ command: "statistics" });
  expect(Number(pick(statistics, "statistics", "controlstatistics", "totaloffercount"))).toBe(1);

  // The cookie alone decides: another body under it is not looked at.
  const beforeOther = ng.datagrams.length;
  ng.send(`${cookie} ${encodeNg({ command: "delete", "call-id": call.callId })}`);
  await ng.received(beforeOther + 1);
  expect(ng.datagrams[beforeOther]).toBe(replies[0]!);
  expect(await daemon.calls()).toEqual([call.callId]);

  const deletion = `${ng.cookie()} ${encodeNg({ "call-id": call.callId, "from-tag": call.fromTag, command: "delete" })}`;
  const beforeDelete = ng.datagrams.length;
  for (let i = 0; i < 5; i++) ng.send(deletion);
  await ng.received(beforeDelete + 5);
  expect(new Set(ng.datagrams.slice(beforeDelete)).size).toBe(1);
  expect(ng.datagrams[beforeDelete]).not.toContain("warning"); // executed again it would not find the call
  await daemon.expectIdle();
});

scenario("an error reply is repeated too", [DAEMON], async (scene) => {
  const { ng } = await scene.startDaemon();
  const before = ng.datagrams.length;
  const body = { command: "answer", "call-id": "nobody", "from-tag": "a", "to-tag": "b", sdp: plainSdp() };
  const datagram = `${ng.cookie()} ${encodeNg(body)}`;
  for (let i = 0; i < 5; i++) ng.send(datagram);
  await ng.received(before + 5);
  expect(new Set(ng.datagrams.slice(before)).size).toBe(1);
  expect(ng.datagrams[before]).toContain("12:error-reason15:Unknown call-id");
});

scenario("delete of a call that is not there: ok with a warning", [DAEMON], async (scene) => {
  const { ng } = await scene.startDaemon();
  const call = new NgCall(ng, "never-seen");
  const reply = await call.delete();
  expect(reply["result"]).toBe("ok");
  expect(String(reply["warning"])).toMatch(/^Call-ID not found or tags didn't match/);
  await call.offer();
  expect((await call.delete())["warning"]).toBeUndefined();
  const again = await call.delete(); // a BYE retransmission has a new cookie
  expect(again["result"]).toBe("ok");
  expect(again["warning"]).toBeDefined();
  await scene.daemon.expectIdle();
});
