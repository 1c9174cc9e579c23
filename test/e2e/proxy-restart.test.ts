import { expect } from "bun:test";
import { establish, hangUp } from "./call.ts";
import { DAEMON, KAMAILIO, SIPP } from "./requirement.ts";
import { scenario, talk } from "./scene.ts";

scenario(
  "the proxy restarts in mid-call: media goes on, BYE ends the call",
  [DAEMON, KAMAILIO, SIPP],
  async (scene) => {
    const daemon = await scene.startDaemon();
    const before = await scene.startProxy({ config: "manage.cfg" });
    const call = await establish(scene);
    const conversation = talk(call.caller.end, call.towardsCallee[0]!, call.callee.end, call.towardsCaller[0]!, 100);
    await before.stop();
    expect(before.process.running).toBe(false);
    await scene.startProxy({ config: "manage.cfg" });
    await conversation;
    expect(await daemon.calls()).toEqual([call.callId]);
    await talk(call.caller.end, call.towardsCallee[0]!, call.callee.end, call.towardsCaller[0]!, 25);
    await hangUp(scene, call);
  },
);
