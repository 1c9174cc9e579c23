import { expect } from "bun:test";
import { establish, hangUp, relayed } from "./call.ts";
import { CALLEE_MEDIA, CALLER_MEDIA } from "./network.ts";
import { NgCall, plainSdp } from "./ng-call.ts";
import { DAEMON, KAMAILIO, SIPP } from "./requirement.ts";
import { scenario, talk } from "./scene.ts";

scenario("wrong SDP in a re-offer: an error, and the call goes on as it was", [DAEMON], async (scene) => {
  const daemon = await scene.startDaemon();
  const a = await scene.farEnd("a", CALLER_MEDIA);
  const b = await scene.farEnd("b", CALLEE_MEDIA);
  const call = new NgCall(daemon.ng, "goes-on");
  const offer = await call.offer({ sdp: plainSdp(a.port, CALLER_MEDIA) });
  const answer = await call.answer({ sdp: plainSdp(b.port, CALLEE_MEDIA) });
  const towardsA = relayed(String(offer["sdp"]))[0]!;
  const towardsB = relayed(String(answer["sdp"]))[0]!;
  await talk(a, towardsB, b, towardsA, 25);
  const ports = daemon.openPorts();
  for (const sdp of ["hello", "v=0\r\nm=audio", "v=0\r\nc=IN IP4\r\nm=audio 1 RTP/AVP 8\r\n", "\0\xff\r\n"]) {
    const reply = await call.offer({ sdp, "to-tag": call.toTag });
    expect(reply["result"], JSON.stringify(sdp)).toBe("error");
    expect(reply["error-reason"]).toBe("Failed to parse SDP");
  }
  await talk(a, towardsB, b, towardsA, 25);
  expect(daemon.openPorts()).toEqual(ports);
  await call.delete();
  await daemon.expectIdle();
});

scenario("garbage on the control port: the requests of others are served", [DAEMON], async (scene) => {
  const { ng, ...daemon } = await scene.startDaemon();
  const before = ng.datagrams.length;
  const unanswered = ["", " ", "nocookienospace", "\0\0\0\0"];
  const refused = [
    "c1 ",
    "c2 x",
    "c3 d",
    "c4 {",
    "c5 d7:command5:nonsensee",
    "c6 d3:foo3:bare",
    "c7 {}",
    "c8 d999999999:x",
  ];
  for (const datagram of [...unanswered, ...refused]) ng.send(datagram);
  await ng.received(before + refused.length);
  expect((await ng.request({ command: "ping" }))["result"]).toBe("pong");
  const replies = ng.datagrams.slice(before, before + refused.length);
  expect(replies.map((reply) => reply.split(" ")[0]!).sort()).toEqual(
    refused.map((text) => text.split(" ")[0]!).sort(),
  );
  for (const reply of replies) expect(reply).toMatch(/result"?:?"?5?:?error/);
  expect(daemon.process.running).toBe(true);
});

scenario("garbage on the media ports in a call: nothing breaks", [DAEMON, KAMAILIO, SIPP], async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const call = await establish(scene);
  const [towardsCallee, towardsCaller] = [call.towardsCallee[0]!, call.towardsCaller[0]!];
  await talk(call.caller.end, towardsCallee, call.callee.end, towardsCaller, 25);
  const stranger = await Bun.udpSocket({ hostname: "127.0.20.9", socket: { data() {}, error() {} } });
  scene.atEnd(() => stranger.close());
  for (const length of [0, 1, 11, 12, 13, 1_500, 9_000, 65_000]) {
    for (const first of [0x00, 0x16, 0x40, 0x80, 0xff]) {
      for (const { rtp, rtcp } of [towardsCallee, towardsCaller]) {
        stranger.send(Buffer.alloc(length, first), rtp.port, rtp.address);
        stranger.send(Buffer.alloc(length, first), rtcp.port, rtcp.address);
      }
    }
  }
  await call.caller.end.send(towardsCallee.rtp, 5, towardsCallee.rtcp); // learning may have been misled: the next packets put it right
  await call.callee.end.send(towardsCaller.rtp, 5, towardsCaller.rtcp);
  await Promise.all([call.caller.end.quiet(), call.callee.end.quiet()]);
  await talk(call.caller.end, towardsCallee, call.callee.end, towardsCaller, 25);
  await hangUp(scene, call);
});
