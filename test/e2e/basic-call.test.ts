import { expect } from "bun:test";
import { dial, establish, hangUp, relayed } from "./call.ts";
import { isPeer } from "./daemon.ts";
import { oneWay, VIDEO } from "./far-end.ts";
import { CALLEE, CALLEE_MEDIA, CALLEE_MEDIA_IPV6, CALLER, CALLER_MEDIA, MEDIA, MEDIA_IPV6 } from "./network.ts";
import { pick } from "./ng-client.ts";
import { DAEMON, IPV6, KAMAILIO, SIPP } from "./requirement.ts";
import { note, scenario, talk } from "./scene.ts";
import { audioSdp, audioVideoSdp } from "./sdp-text.ts";
import { sdpSections } from "./sip-message.ts";
import { USUAL_FLAGS } from "./sip-proxy.ts";

const NEEDS = [DAEMON, KAMAILIO, SIPP];

scenario("one call, PCMA and RTCP both ways, the caller hangs up", NEEDS, async (scene) => {
  const daemon = await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const call = await establish(scene);
  for (const { rtp } of [...call.towardsCaller, ...call.towardsCallee]) expect(rtp.port % 2).toBe(0);
  expect(await daemon.calls()).toEqual([call.callId]);
  await talk(call.caller.end, call.towardsCallee[0]!, call.callee.end, call.towardsCaller[0]!, 100);
  const state = await daemon.query(call.callId);
  expect(pick(state, "totals", "RTP", "packets")).toBe(200);
  expect(pick(state, "totals", "RTP", "bytes")).toBe(200 * 172);
  expect(pick(state, "totals", "RTCP", "packets")).toBe(8);
  await hangUp(scene, call);
});

scenario("the callee hangs up", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const call = await establish(scene, { callerScenario: "uac-hung-up", calleeScenario: "uas-hangs-up" });
  await talk(call.caller.end, call.towardsCallee[0]!, call.callee.end, call.towardsCaller[0]!);
  await call.callee.agent.cue(call.invite);
  await Promise.all([call.caller.agent.succeeded(), call.callee.agent.succeeded()]);
  await scene.daemon.expectIdle();
});

scenario("a proxy script with rtpengine_offer, _answer and _delete instead of _manage", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "explicit.cfg", offerFlags: "replace-origin", answerFlags: "replace-origin" });
  const call = await establish(scene);
  await talk(call.caller.end, call.towardsCallee[0]!, call.callee.end, call.towardsCaller[0]!);
  await hangUp(scene, call);
});

scenario("50 simultaneous calls, every packet of every call arrives", NEEDS, async (scene) => {
  const CALLS = 50;
  const daemon = await scene.startDaemon({ logLevel: 6 });
  await scene.startProxy({ config: "manage.cfg" });
  const ends = async (name: string, address: string) =>
    await Promise.all(Array.from({ length: CALLS }, (_, i) => scene.farEnd(`${name} ${i + 1}`, address)));
  const callerEnds = await ends("caller", CALLER_MEDIA);
  const calleeEnds = await ends("callee", CALLEE_MEDIA);
  const party = (name: "caller" | "callee", media: string, list: typeof callerEnds) =>
    scene.agent({
      name,
      scenario: name === "caller" ? "uac" : "uas",
      address: name === "caller" ? CALLER : CALLEE,
      calls: CALLS,
      rate: CALLS,
      fields: list.map(({ port }) => [media, port]),
      texts: { sdp: audioSdp(name) },
    });
  const callee = party("callee", CALLEE_MEDIA, calleeEnds);
  const caller = party("caller", CALLER_MEDIA, callerEnds);
  const oks = await caller.messagePerCall({ direction: "received", method: "INVITE", status: 200 }, CALLS);
  await callee.messagePerCall({ direction: "received", method: "ACK" }, CALLS);
  expect((await daemon.calls()).sort()).toEqual(oks.map(({ callId }) => callId).sort());
  const portOf = (sdp: string) => sdpSections(sdp)[0]!.rtp.port;
  const of = (agent: typeof caller, direction: string, callId: string, status?: number) =>
    agent.messages.items.find(
      (m) => m.direction === direction && m.callId === callId && m.method === "INVITE" && m.status === status,
    )!.body;
  await Promise.all(
    oks.map(({ callId, body }) => {
      const callerEnd = callerEnds.find(({ port }) => port === portOf(of(caller, "sent", callId)))!;
      const calleeEnd = calleeEnds.find(({ port }) => port === portOf(of(callee, "sent", callId, 200)))!;
      return talk(callerEnd, relayed(body)[0]!, calleeEnd, relayed(of(callee, "received", callId))[0]!, 100);
    }),
  );
  for (const ok of oks) await caller.cue(ok);
  await Promise.all([caller.succeeded(), callee.succeeded()]);
  await daemon.expectIdle();
});

scenario("re-INVITE: hold (a=sendonly) and resume on the same ports", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const call = await establish(scene, {
    callerScenario: "uac-hold",
    calleeScenario: "uas-hold",
    callerTexts: {
      sdp: audioSdp("caller"),
      hold: audioSdp("caller", { direction: "sendonly", version: 2 }),
      resume: audioSdp("caller", { version: 3 }),
    },
    calleeTexts: {
      sdp: audioSdp("callee"),
      hold: audioSdp("callee", { direction: "recvonly", version: 2 }),
      resume: audioSdp("callee", { version: 3 }),
    },
  });
  const { caller, callee } = call;
  const reInvite = async (nth: number) => {
    const invite = await callee.agent.message({ direction: "received", method: "INVITE", status: undefined }, { nth });
    const ok = await caller.agent.message({ direction: "received", method: "INVITE", status: 200 }, { nth });
    await callee.agent.message({ direction: "received", method: "ACK" }, { nth });
    return { towardsCaller: relayed(invite.body)[0]!, towardsCallee: relayed(ok.body)[0]!, ok };
  };
  await talk(caller.end, call.towardsCallee[0]!, callee.end, call.towardsCaller[0]!);

  await caller.agent.cue(call.ok);
  const hold = await reInvite(2);
  expect(hold.towardsCaller.direction).toBe("sendonly");
  expect(hold.towardsCallee.direction).toBe("recvonly");
  expect(hold.towardsCaller.rtp).toEqual(call.towardsCaller[0]!.rtp);
  expect(hold.towardsCallee.rtp).toEqual(call.towardsCallee[0]!.rtp);
  await oneWay(caller.end, hold.towardsCallee, callee.end, hold.towardsCaller, 25); // music on hold
  const heard = caller.end.rtp.items.length;
  await callee.end.send(hold.towardsCaller.rtp, 10); // it should not: the caller does not want to hear it
  await caller.end.quiet();
  if (isPeer) note("rtpengine 10.5 passes the media of the held party on");
  else expect(caller.end.rtp.items.length).toBe(heard);

  await caller.agent.cue(hold.ok);
  const resume = await reInvite(3);
  expect(resume.towardsCaller.direction).toBe("sendrecv");
  expect(resume.towardsCallee.direction).toBe("sendrecv");
  expect(resume.towardsCaller.rtp).toEqual(call.towardsCaller[0]!.rtp);
  expect(resume.towardsCallee.rtp).toEqual(call.towardsCallee[0]!.rtp);
  await talk(caller.end, resume.towardsCallee, callee.end, resume.towardsCaller);
  await hangUp(scene, { ...call, ok: resume.ok });
});

scenario("early media with 183, then the answer", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const { caller, callee } = await dial(scene, { calleeScenario: "uas-early" });
  const invite = await callee.agent.message({ direction: "received", method: "INVITE" });
  const progress = await caller.agent.message({ direction: "received", method: "INVITE", status: 183 });
  const towardsCaller = relayed(invite.body);
  const early = relayed(progress.body);
  await oneWay(callee.end, towardsCaller[0]!, caller.end, early[0]!, 50); // the ring-back tone
  await talk(caller.end, early[0]!, callee.end, towardsCaller[0]!, 25);
  await callee.agent.cue(invite);
  const ok = await caller.agent.message({ direction: "received", method: "INVITE", status: 200 });
  const towardsCallee = relayed(ok.body);
  expect(towardsCallee[0]!.rtp).toEqual(early[0]!.rtp);
  await callee.agent.message({ direction: "received", method: "ACK" });
  await talk(caller.end, towardsCallee[0]!, callee.end, towardsCaller[0]!);
  await hangUp(scene, { caller, callee, callId: ok.callId, invite, ok, towardsCaller, towardsCallee });
});

scenario("CANCEL while the callee sends early media", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const { caller, callee } = await dial(scene, { callerScenario: "uac-cancel", calleeScenario: "uas-cancelled" });
  const invite = await callee.agent.message({ direction: "received", method: "INVITE" });
  const progress = await caller.agent.message({ direction: "received", method: "INVITE", status: 183 });
  await oneWay(callee.end, relayed(invite.body)[0]!, caller.end, relayed(progress.body)[0]!, 10);
  await caller.agent.cue(progress);
  await Promise.all([caller.agent.succeeded(), callee.agent.succeeded()]);
  await scene.daemon.expectIdle();
});

scenario("late offer: the callee offers in its 200, the caller answers in the ACK", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const { caller, callee } = await dial(scene, { callerScenario: "uac-late-offer" });
  const ok = await caller.agent.message({ direction: "received", method: "INVITE", status: 200 });
  const ack = await callee.agent.message({ direction: "received", method: "ACK" });
  const invite = await callee.agent.message({ direction: "received", method: "INVITE" });
  expect(invite.body).toBe("");
  const towardsCallee = relayed(ok.body);
  const towardsCaller = relayed(ack.body);
  await talk(caller.end, towardsCallee[0]!, callee.end, towardsCaller[0]!);
  await hangUp(scene, { caller, callee, callId: ok.callId, invite, ok, towardsCaller, towardsCallee });
});

scenario("two m= lines: audio and video, each with its own ports", NEEDS, async (scene) => {
  const daemon = await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const audio = [await scene.farEnd("caller audio", CALLER_MEDIA), await scene.farEnd("callee audio", CALLEE_MEDIA)];
  const video = [
    await scene.farEnd("caller video", CALLER_MEDIA, VIDEO),
    await scene.farEnd("callee video", CALLEE_MEDIA, VIDEO),
  ];
  const callee = scene.agent({
    name: "callee",
    scenario: "uas",
    address: CALLEE,
    fields: [[CALLEE_MEDIA, audio[1]!.port, video[1]!.port]],
    texts: { sdp: audioVideoSdp("callee") },
  });
  const caller = scene.agent({
    name: "caller",
    scenario: "uac",
    address: CALLER,
    fields: [[CALLER_MEDIA, audio[0]!.port, video[0]!.port]],
    texts: { sdp: audioVideoSdp("caller") },
  });
  const invite = await callee.message({ direction: "received", method: "INVITE" });
  const ok = await caller.message({ direction: "received", method: "INVITE", status: 200 });
  await callee.message({ direction: "received", method: "ACK" });
  const towardsCaller = relayed(invite.body);
  const towardsCallee = relayed(ok.body);
  expect(towardsCaller.map(({ kind }) => kind)).toEqual(["audio", "video"]);
  expect(towardsCallee.map(({ kind }) => kind)).toEqual(["audio", "video"]);
  expect(new Set([...towardsCaller, ...towardsCallee].map(({ rtp }) => rtp.port)).size).toBe(4);
  expect(daemon.openPorts()).toHaveLength(8);
  await Promise.all([
    talk(audio[0]!, towardsCallee[0]!, audio[1]!, towardsCaller[0]!),
    talk(video[0]!, towardsCallee[1]!, video[1]!, towardsCaller[1]!),
  ]);
  await caller.cue(ok);
  await Promise.all([caller.succeeded(), callee.succeeded()]);
  await daemon.expectIdle();
});

scenario("IPv4 caller, IPv6 callee (address-family)", [...NEEDS, IPV6], async (scene) => {
  await scene.startDaemon({ interfaces: [MEDIA, MEDIA_IPV6] });
  await scene.startProxy({
    config: "explicit.cfg",
    offerFlags: `${USUAL_FLAGS} address-family=IP6`,
    answerFlags: `${USUAL_FLAGS} address-family=IP4`,
  });
  const call = await establish(scene, {
    calleeEnd: await scene.farEnd("callee", CALLEE_MEDIA_IPV6),
    calleeTexts: { sdp: audioSdp("callee", { family: 6 }) },
  });
  expect(call.invite.body).toContain(`c=IN IP6 ${MEDIA_IPV6}\r\n`);
  expect(call.ok.body).toContain(`c=IN IP4 ${MEDIA}\r\n`);
  await talk(call.caller.end, call.towardsCallee[0]!, call.callee.end, call.towardsCaller[0]!, 100);
  await hangUp(scene, call);
});
