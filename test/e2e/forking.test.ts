import { expect } from "bun:test";
import { relayed } from "./call.ts";
import { oneWay } from "./far-end.ts";
import { CALLEE, CALLEE_MEDIA, CALLER, CALLER_MEDIA, SECOND_CALLEE } from "./network.ts";
import { DAEMON, KAMAILIO, SIPP } from "./requirement.ts";
import { scenario, talk } from "./scene.ts";
import { audioSdp } from "./sdp-text.ts";

scenario(
  "parallel forking with via-branch: both send early media, the second answers",
  [DAEMON, KAMAILIO, SIPP],
  async (scene) => {
    const daemon = await scene.startDaemon();
    await scene.startProxy({ config: "fork.cfg" });
    const callerEnd = await scene.farEnd("caller", CALLER_MEDIA);
    const loserEnd = await scene.farEnd("first callee", CALLEE_MEDIA);
    const winnerEnd = await scene.farEnd("second callee", CALLEE_MEDIA);
    const loser = scene.agent({
      name: "first-callee",
      scenario: "uas-cancelled",
      address: CALLEE,
      fields: [[CALLEE_MEDIA, loserEnd.port]],
      texts: { sdp: audioSdp("first") },
    });
    const winner = scene.agent({
      name: "second-callee",
      scenario: "uas-early",
      address: SECOND_CALLEE,
      fields: [[CALLEE_MEDIA, winnerEnd.port]],
      texts: { sdp: audioSdp("second") },
    });
    const caller = scene.agent({
      name: "caller",
      scenario: "uac",
      address: CALLER,
      fields: [[CALLER_MEDIA, callerEnd.port]],
      texts: { sdp: audioSdp("caller") },
    });
    const toLoser = await loser.message({ direction: "received", method: "INVITE" });
    const toWinner = await winner.message({ direction: "received", method: "INVITE" });
    const loserPort = relayed(toLoser.body)[0]!;
    const winnerPort = relayed(toWinner.body)[0]!;
    expect(loserPort.rtp.port).not.toBe(winnerPort.rtp.port); // each branch has ports of its own
    await caller.message({ direction: "received", method: "INVITE", status: 183 }, { nth: 2 });
    expect(await daemon.calls()).toHaveLength(1);

    // Either may play its ring-back tone; the caller gets both.
    await oneWay(loserEnd, loserPort, callerEnd, undefined, 10);
    await oneWay(winnerEnd, winnerPort, callerEnd, undefined, 10);

    await winner.cue(toWinner);
    const ok = await caller.message({ direction: "received", method: "INVITE", status: 200 });
    await loser.succeeded(); // the proxy cancelled it
    await winner.message({ direction: "received", method: "ACK" });
    await talk(callerEnd, relayed(ok.body)[0]!, winnerEnd, winnerPort, 100);
    expect(loserEnd.rtp.items.filter(({ data }) => data.readUInt32BE(8) === callerEnd.ssrc)).toHaveLength(0);
    await caller.cue(ok);
    await Promise.all([caller.succeeded(), winner.succeeded()]);
    await daemon.expectIdle();
  },
);
