import { expect } from "bun:test";
import { isPeer } from "./daemon.ts";
import { settled } from "./deadline.ts";
import { MEDIA, PORT_MAX, PORT_MIN } from "./network.ts";
import { NgCall, plainSdp } from "./ng-call.ts";
import type { NgDictionary } from "./ng-client.ts";
import { DAEMON, OWN_NAMESPACE, PRLIMIT } from "./requirement.ts";
import { note, type Scene, scenario } from "./scene.ts";

/** Every port of the range can be bound by somebody else: the daemon holds none. */
async function expectBindable(address: string, min: number, max: number) {
  for (let port = min; port <= max; port++) {
    const socket = await Bun.udpSocket({ hostname: address, port }).catch((error: unknown) => {
      throw new Error(`port ${port} is not free: ${String(error)}`);
    });
    socket.close();
  }
}

/** The literal text that proxies compare; which of the refusals it was is in the extra key and in the log. */
async function expectOutOfPorts(scene: Scene, reply: NgDictionary, cause: RegExp, not = /nothing/) {
  expect(reply["result"]).toBe("error");
  expect(reply["error-reason"]).toBe("Ran out of ports");
  if (isPeer) return note("rtpengine 10.5 has no error-detail");
  expect(String(reply["error-detail"])).toMatch(cause);
  expect(String(reply["error-detail"])).not.toMatch(not);
  await scene.daemon.process.logged(cause);
}

scenario(
  "10,000 offer/answer/delete cycles, every seventh failing: all ports are free again",
  [DAEMON],
  async (scene) => {
    const CYCLES = 10_000;
    const AT_ONCE = 20;
    const portMax = isPeer ? 19_999 : PORT_MAX; // 10.5 gives ports back with a delay: 400 are not enough for it
    const daemon = await scene.startDaemon({ logLevel: 4, portMax });
    const { ng } = daemon;
    const warmUp = new NgCall(ng, "warm-up");
    await warmUp.offer();
    await warmUp.delete();
    await daemon.expectIdle();
    const filesBefore = daemon.openFiles();
    const outcomes: Record<string, number> = {};
    const count = (what: string) => {
      outcomes[what] = (outcomes[what] ?? 0) + 1;
    };
    const cycle = async (i: number) => {
      const call = new NgCall(ng, `cycle-${i}`);
      const kind = i % 7 === 0 ? (i / 7) % 6 : -1;
      if (kind === 0) {
        const reply = await call.offer({ sdp: "this is no SDP" });
        expect(reply["error-reason"]).toBe("Failed to parse SDP");
        count("offer with bad SDP");
      } else if (kind === 1) {
        expect((await call.offer())["result"]).toBe("ok");
        expect((await call.answer({ sdp: "v=0\r\nm=audio" }))["result"]).toBe("error");
        count("answer with bad SDP");
      } else if (kind === 2) {
        expect((await call.offer())["result"]).toBe("ok");
        const wrong = await call.answer({ "call-id": `${call.callId}-other` });
        expect(wrong["error-reason"]).toBe("Unknown call-id");
        count("answer for an unknown call");
      } else if (kind === 3) {
        expect((await call.offer())["result"]).toBe("ok");
        const twice = await call.offer({ "to-tag": call.fromTag });
        expect(twice["result"]).toBe(isPeer ? "ok" : "error"); // 10.5 does not look
        count("both tags the same");
      } else if (kind === 4) {
        expect((await call.offer())["result"]).toBe("ok");
        expect((await call.answer({ "from-tag": "stranger", "to-tag": "other stranger" }))["result"]).toBeDefined();
        count("answer with tags of nobody");
      } else if (kind === 5) {
        expect((await call.offer())["result"]).toBe("ok");
        expect((await call.offer({ sdp: "v=0\r\nv=0\r\n" }))["result"]).toBeDefined();
        count("re-offer with bad SDP");
      } else {
        const offer = await call.offer();
        if (offer["result"] !== "ok") throw new Error(`cycle ${i}: ${JSON.stringify(offer)}`);
        if (i % 3 !== 0) expect((await call.answer())["result"]).toBe("ok");
        count(i % 3 === 0 ? "never answered" : "complete");
      }
      expect((await (kind < 0 ? call.delete() : call.deleteAll()))["result"]).toBe("ok");
    };
    const start = performance.now();
    for (let i = 0; i < CYCLES; i += AT_ONCE) {
      const all = await Promise.allSettled(Array.from({ length: AT_ONCE }, (_, j) => cycle(i + j)));
      const failed = all.find((one) => one.status === "rejected");
      if (failed) throw failed.reason;
    }
    const seconds = (performance.now() - start) / 1_000;
    console.log(`# ${CYCLES} cycles in ${seconds.toFixed(1)} s: ${JSON.stringify(outcomes)}`);
    await daemon.expectIdle();
    await settled(() => {
      const files = daemon.openFiles();
      return files === filesBefore ? undefined : `${files} open files, ${filesBefore} before the cycles`;
    });
    await expectBindable(MEDIA, PORT_MIN, portMax);
  },
  300_000,
);

scenario(
  "a range of 4 ports: the second call runs out, and after a delete there is room again",
  [DAEMON],
  async (scene) => {
    const { ng } = await scene.startDaemon({ portMin: 16_400, portMax: 16_403 });
    const first = new NgCall(ng, "first");
    const second = new NgCall(ng, "second");
    expect((await first.offer())["result"]).toBe("ok");
    await expectOutOfPorts(scene, await second.offer(), /16400-16403/, /E[A-Z]{4,}/);
    expect((await first.answer())["result"]).toBe("ok"); // it goes on as it was
    expect((await first.delete())["result"]).toBe("ok");
    await second.delete();
    await scene.daemon.expectIdle();
    expect((await second.offer())["result"]).toBe("ok");
    expect((await second.delete())["result"]).toBe("ok");
    await scene.daemon.expectIdle();
  },
);

scenario("EADDRINUSE: another process holds the ports; those that it leaves are used", [DAEMON], async (scene) => {
  const held = await Promise.all(
    Array.from({ length: 8 }, (_, i) => Bun.udpSocket({ hostname: MEDIA, port: 16_410 + i })),
  );
  scene.atEnd(() => {
    for (const socket of held) if (!socket.closed) socket.close();
  });
  const { ng } = await scene.startDaemon({ portMin: 16_410, portMax: 16_417 });
  const call = new NgCall(ng, "in-use");
  await expectOutOfPorts(scene, await call.offer(), /EADDRINUSE|Address already in use/);
  await call.delete();
  for (const socket of held.slice(4)) socket.close(); // 16414 to 16417 become free
  const reply = await call.offer();
  expect(reply["result"]).toBe("ok");
  expect(scene.daemon.openPorts()).toEqual([16_414, 16_415, 16_416, 16_417]);
  await call.delete();
  await scene.daemon.expectIdle();
});

scenario("EMFILE: no more files for the daemon; it goes on serving and recovers", [DAEMON, PRLIMIT], async (scene) => {
  const daemon = await scene.startDaemon();
  const { ng } = daemon;
  const limit = daemon.openFiles() + 10;
  const limited = Bun.spawnSync(["prlimit", `--nofile=${limit}:${limit}`, "--pid", String(daemon.process.pid)]);
  expect(limited.exitCode).toBe(0);
  const calls: NgCall[] = [];
  let refused: NgDictionary | undefined;
  while (!refused && calls.length < 10) {
    const call = new NgCall(ng, `file-${calls.length}`);
    const reply = await call.offer();
    if (reply["result"] === "ok") calls.push(call);
    else refused = reply;
  }
  expect(calls.length).toBeGreaterThan(0);
  await expectOutOfPorts(scene, refused ?? {}, /EMFILE|[Tt]oo many open files/);
  expect((await ng.request({ command: "ping" }))["result"]).toBe("pong");
  expect((await calls[0]!.answer())["result"]).toBe("ok");
  for (const call of calls) await call.delete();
  await ng.request({ command: "delete", "call-id": `file-${calls.length}` });
  await daemon.expectIdle();
  const again = new NgCall(ng, "afterwards");
  expect((await again.offer())["result"]).toBe("ok");
  await again.delete();
  await daemon.expectIdle();
});

scenario(
  "EADDRNOTAVAIL: the interface's address is taken away while the daemon runs",
  [DAEMON, OWN_NAMESPACE],
  async (scene) => {
    const address = "198.51.100.20";
    const ip = (verb: "add" | "del") => Bun.spawnSync(["ip", "address", verb, `${address}/32`, "dev", "lo"]).exitCode;
    expect(ip("add")).toBe(0);
    let there = true;
    scene.atEnd(() => there && ip("del"));
    const { ng } = await scene.startDaemon({ interfaces: [address] });
    const call = new NgCall(ng, "no-address");
    expect((await call.offer())["result"]).toBe("ok");
    await call.delete();
    expect(ip("del")).toBe(0);
    there = false;
    await expectOutOfPorts(scene, await call.offer(), /EADDRNOTAVAIL|[Cc]annot assign requested address/);
    await call.delete();
    expect(ip("add")).toBe(0);
    there = true;
    expect((await call.offer({ sdp: plainSdp() }))["result"]).toBe("ok");
    await call.delete();
    await scene.daemon.expectIdle();
  },
);
