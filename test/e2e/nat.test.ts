import { expect } from "bun:test";
import { establish, hangUp } from "./call.ts";
import { oneWay } from "./far-end.ts";
import { CALLEE_MEDIA, CALLER, NAT_INSIDE, NAT_OUTSIDE } from "./network.ts";
import { DAEMON, KAMAILIO, SIPP } from "./requirement.ts";
import { scenario, talk } from "./scene.ts";
import { audioSdp } from "./sdp-text.ts";

const NEEDS = [DAEMON, KAMAILIO, SIPP];

scenario("caller behind NAT: SDP address wrong, media from another address and port", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({ config: "manage.cfg" });
  const callerEnd = await scene.farEnd("caller", NAT_OUTSIDE);
  const calleeEnd = await scene.farEnd("callee", CALLEE_MEDIA);
  const call = await establish(scene, {
    callerEnd,
    calleeEnd,
    // What the caller's own SDP says: an address that nobody can reach, and the port inside.
    callerTexts: { sdp: audioSdp("caller").replaceAll("[field0]", NAT_INSIDE).replace("[field1]", "4000") },
  });
  const [towardsCallee, towardsCaller] = [call.towardsCallee[0]!, call.towardsCaller[0]!];
  await oneWay(callerEnd, towardsCallee, calleeEnd, towardsCaller, 10); // opens the NAT; teaches the address
  await talk(callerEnd, towardsCallee, calleeEnd, towardsCaller, 250); // beyond the 3 s of learning
  const source = await scene.daemon.query(call.callId);
  expect(JSON.stringify(source)).toContain(`"address":"${NAT_OUTSIDE}","port":${callerEnd.port}`);
  await hangUp(scene, call);
});

scenario("caller behind NAT, SIP-source-address: its SDP port at the SIP message's source", NEEDS, async (scene) => {
  await scene.startDaemon();
  await scene.startProxy({
    config: "explicit.cfg",
    offerFlags: "SIP-source-address replace-origin ICE=remove",
    answerFlags: "trust-address replace-origin ICE=remove",
  });
  const callerEnd = await scene.farEnd("caller", CALLER.address);
  const call = await establish(scene, {
    callerEnd,
    callerTexts: { sdp: audioSdp("caller").replaceAll("[field0]", NAT_INSIDE) },
  });
  const [towardsCallee, towardsCaller] = [call.towardsCallee[0]!, call.towardsCaller[0]!];
  await oneWay(call.callee.end, towardsCaller, callerEnd, towardsCallee, 10); // before the caller sent anything
  await talk(callerEnd, towardsCallee, call.callee.end, towardsCaller);
  await hangUp(scene, call);
});
