/** An operator at work: Debian's own tools, our own, and every other way to speak with the daemon. */
import { expect } from "bun:test";
import { Child } from "./child.ts";
import { daemonPath } from "./daemon.ts";
import { NG } from "./network.ts";
import { NgCall, plainSdp } from "./ng-call.ts";
import { decodeNg, encodeNg, type NgDictionary, type NgValue } from "./ng-client.ts";
import {
  CLI,
  DirectCall,
  HTTP,
  HTTP_URL,
  RTPENGINE_CTL,
  RTPENGINE_NG_CLIENT,
  rtpengineCtl,
  runProgram,
  sluiceCtl,
  startWithListeners,
  TCPDUMP,
} from "./operator.ts";
import { DAEMON, notThePeer } from "./requirement.ts";
import { scenario } from "./scene.ts";

const OURS = notThePeer("has other texts and fewer listeners");

scenario(
  "Debian's rtpengine-ctl lists a running call, changes settings and ends the call",
  [DAEMON, OURS, RTPENGINE_CTL],
  async (scene) => {
    const daemon = await startWithListeners(scene);
    expect(await rtpengineCtl("list", "sessions", "all")).toBe("No sessions on this media relay.\n");
    const call = await DirectCall.establish(scene, "a84b4c76e66710");
    await call.talk(25);

    expect(await rtpengineCtl("list", "numsessions")).toStartWith(
      "Current sessions own: 1\nCurrent sessions foreign: 0\nCurrent sessions total: 1\n",
    );
    expect(await rtpengineCtl("list", "sessions", "all")).toMatch(
      /^ID: {47}a84b4c76e66710 \| del:n \| creat: {2}\d{10} \| prx:127\.0\.0\.1:\d+ \| redis:-1 \| frgn:n \| rec:n\n$/,
    );
    const detail = await rtpengineCtl("list", "sessions", "a84b4c76e66710");
    expect(detail).toContain("--- Tag 'from-a', type: FROM_TAG, label '', branch '', callduration ");
    expect(detail.match(/^------ Media #1 \(audio over RTP\/AVP\) using PCMA\/8000$/gm)).toHaveLength(2);
    const ssrcs = [call.caller.ssrc, call.callee.ssrc].map((ssrc) => ssrc.toString(16));
    for (const ssrc of ssrcs) {
      expect(detail).toMatch(new RegExp(`, SSRC ${ssrc}, 25 p, 4300 b, 0 e, \\d{10} uts 0 kts`));
    }
    const totals = await rtpengineCtl("list", "totals");
    expect(totals).toContain(" Owned sessions                                  :1\n");
    expect(totals).toContain(" Total relayed packet errors                     :0\n");
    expect(totals).toMatch(/^ {12}127\.0\.0\.1 \| +\d+ \| {10}1 \| {10}1 \|/m);
    expect(await rtpengineCtl("list", "interfaces")).toMatch(/^ {2}Ingress: {10,}5[02] \/ +\d+ \/ +0$/m);

    expect(await rtpengineCtl("set", "loglevel", "5")).toBe("Success setting loglevel to 5\n");
    expect(await rtpengineCtl("list", "loglevel", "core")).toBe("5\n");
    const lines = daemon.process.log.items.length;
    expect(await rtpengineCtl("set", "maxsessions", "1")).toBe("Success setting maxsessions to 1\n");
    // New CLI connections are logged at level INFO, which is off now.
    expect(daemon.process.log.items.slice(lines).join("\n")).not.toContain("Got CLI command");
    const second = await new NgCall(daemon.ng, "second").offer();
    expect(second).toMatchObject({ result: "load limit", message: "Parallel session limit reached" });

    expect(await rtpengineCtl("terminate", "nobody")).toBe("\nCall Id not found (nobody).\n\n");
    expect(await rtpengineCtl("terminate", "a84b4c76e66710")).toBe(
      "\nCall Id (a84b4c76e66710) successfully terminated by operator.\n\n",
    );
    await daemon.expectIdle();
    expect(await rtpengineCtl("list", "totals")).toContain(" Total forced terminated sessions                :1\n");
    // Words that only guides know.
    expect(await rtpengineCtl("list")).toBe("More parameters required.\n");
    expect(await rtpengineCtl("statistics")).toBe("Unknown command: statistics\n");
  },
);

scenario("Debian's rtpengine-ng-client places a call", [DAEMON, OURS, RTPENGINE_NG_CLIENT], async (scene) => {
  const daemon = await startWithListeners(scene);
  const client = async (...args: string[]) => {
    const target = [`--proxy-address=${NG.address}`, `--proxy-port=${NG.port}`, "--call-id=debian", "--from-tag=a"];
    return await runProgram(["rtpengine-ng-client", ...target, ...args]);
  };
  const offer = await client(`--sdp=${plainSdp()}`, "offer");
  expect(offer.output + offer.errors).toContain("m=audio 16");
  await client(`--sdp=${plainSdp(4_002)}`, "--to-tag=b", "answer");
  expect(await daemon.calls()).toEqual(["debian"]);
  expect((await client("query")).output).toContain("created");
  await client("delete");
  await daemon.expectIdle();
});

scenario("ng over TCP, HTTP and WebSocket: one call signalled over all of them", [DAEMON, OURS], async (scene) => {
  const daemon = await startWithListeners(scene);
  const base = { "call-id": "everywhere", "from-tag": "a" };
  const offer = { ...base, command: "offer", sdp: plainSdp() };

  // TCP: bencode, reply in the same form.
  const pieces: Buffer[] = [];
  const { promise: replied, resolve } = Promise.withResolvers<void>();
  const tcp = await Bun.connect({
    hostname: NG.address,
    port: NG.port,
    socket: {
      binaryType: "buffer",
      data(_socket, data) {
        pieces.push(Buffer.from(data));
        if (Buffer.concat(pieces).toString("latin1").endsWith("6:result2:oke")) resolve();
      },
    },
  });
  scene.atEnd(() => tcp.end());
  tcp.write(Buffer.from(`1_tcp ${encodeNg(offer)}`, "latin1"));
  await replied;
  const reply = Buffer.concat(pieces).toString("latin1");
  expect(reply).toStartWith("1_tcp d");
  expect(String((decodeNg(reply.slice("1_tcp ".length)) as NgDictionary)["sdp"])).toContain("m=audio 16");
  await daemon.process.logged(/New TCP control ng connection from 127\.0\.0\.1:/);

  // WebSocket: JSON without cookie.
  const socket = new WebSocket(`ws://${HTTP.address}:${HTTP.port}/`, "ng-plain.rtpengine.com");
  socket.binaryType = "arraybuffer";
  scene.atEnd(() => socket.close());
  await new Promise((opened) => socket.addEventListener("open", opened));
  const message = new Promise<MessageEvent>((arrived) => socket.addEventListener("message", arrived));
  socket.send(JSON.stringify({ ...base, command: "answer", "to-tag": "b", sdp: plainSdp(4_002) }));
  const answer = JSON.parse(Buffer.from((await message).data as ArrayBuffer).toString()) as Record<string, NgValue>;
  expect(answer["result"]).toBe("ok");
  expect(String(answer["sdp"])).toContain("m=audio 16");

  // HTTP: bencode with cookie; a repeated cookie is answered from the cache that all transports share.
  const post = async (path: string, type: string, body: string) => {
    const response = await fetch(HTTP_URL + path, { method: "POST", headers: { "Content-Type": type }, body });
    return Buffer.from(await response.arrayBuffer()).toString("latin1");
  };
  const query = `1_http ${encodeNg({ command: "query", "call-id": "everywhere" })}`;
  const found = await post("/ng", "application/x-rtpengine-ng", query);
  expect(found).toStartWith("1_http d7:created");
  expect((await daemon.ng.request({ command: "delete", "call-id": "everywhere" }))["result"]).toBe("ok");
  expect(await post("/ng", "application/x-rtpengine-ng", query)).toBe(found);
  expect(await post("/ng-plain", "application/json", '{"command":"list"}')).toBe('{"calls":[],"result":"ok"}');
  await daemon.expectIdle();
});

scenario("sessions over HTTP while media flows, and health", [DAEMON, OURS], async (scene) => {
  await startWithListeners(scene);
  const get = async (path: string) => (await fetch(HTTP_URL + path)).json() as Promise<Record<string, unknown>>;
  expect(await get("/health/ready")).toEqual({ status: "ready", reasons: [] });
  const call = await DirectCall.establish(scene, "seen over/HTTP");
  await call.talk(10);
  expect(await get("/sessions")).toMatchObject({ total: 1, sessions: [{ callId: "seen over/HTTP", parties: 2 }] });
  const detail = await get(`/sessions/${encodeURIComponent("seen over/HTTP")}`);
  const streams = (
    detail["legs"] as {
      media: { codec: string; streams: { component: string; received: { packets: number }; confirmed: boolean }[] }[];
    }[]
  ).map(({ media }) => media[0]!);
  for (const {
    codec,
    streams: [rtp],
  } of streams) {
    expect(codec).toBe("PCMA/8000");
    expect(rtp).toMatchObject({ component: "rtp", received: { packets: 10, bytes: 1_720, errors: 0 } });
  }
  expect(await get("/stats")).toMatchObject({ currentstatistics: { sessionsown: 1 } });
});

scenario("sluice ctl: the same words, JSON, over HTTP with a token; sluice top", [DAEMON, OURS], async (scene) => {
  await startWithListeners(scene, { extra: ["--http-token=s3cret"] });
  const call = await DirectCall.establish(scene, "ctl");
  const target = ["--ip", `${CLI.address}:${CLI.port}`];
  expect((await sluiceCtl([...target, "list", "numsessions"])).output).toStartWith("Current sessions own: 1\n");
  expect((await sluiceCtl([`--ip=${CLI.address}`, `--port=${CLI.port}`, "query"])).output).toContain(
    "Control statistics:",
  );
  const json = await sluiceCtl([...target, "--json", "list", "sessions", "all"]);
  expect(JSON.parse(json.output)).toMatchObject([{ callId: "ctl", parties: 2 }]);
  expect(await sluiceCtl([...target, "--json", "nonsense"])).toMatchObject({
    status: 1,
    output: '{"error":"Unknown command: nonsense"}\n',
  });

  const http = ["--url", HTTP_URL];
  expect((await sluiceCtl([...http, "list", "timeout"])).errors).toContain("wants a token");
  expect((await sluiceCtl([...http, "list", "timeout"], { SLUICE_HTTP_TOKEN: "s3cret" })).output).toBe("TIMEOUT=60\n");
  expect((await sluiceCtl([...http, "--token=s3cret", "list", "timeout"])).output).toBe("TIMEOUT=60\n");
  expect((await fetch(`${HTTP_URL}/sessions`)).status).toBe(401);
  expect(await (await fetch(`${HTTP_URL}/ping`)).text()).toBe("pong\n");

  await call.talk(5);
  const top = await runProgram([daemonPath, "top", "--once", ...target]);
  expect(top.status).toBe(0);
  expect(top.output).toMatch(/calls 1 /);
  expect(top.output).toMatch(/^ctl +00:0\d +2 /m);

  expect((await sluiceCtl([...target, "delete", "ctl"])).output).toContain("Call Id (ctl) successfully terminated");
  const nobody = await sluiceCtl(["--ip", `${CLI.address}:1`, "list", "timeout"]);
  expect(nobody.status).toBe(1);
  expect(nobody.errors).toContain(`Cannot connect to ${CLI.address}:1`);
});

scenario(
  "drain: new calls are refused, the running one keeps its media, undrain ends it",
  [DAEMON, OURS],
  async (scene) => {
    const daemon = await startWithListeners(scene);
    const call = await DirectCall.establish(scene, "running");
    const target = ["--ip", `${CLI.address}:${CLI.port}`];
    expect((await sluiceCtl([...target, "drain"])).output).toBe("Draining: new calls are refused, 1 running.\n");
    const ready = await fetch(`${HTTP_URL}/health/ready`);
    expect(ready.status).toBe(503);
    expect((await fetch(`${HTTP_URL}/health/live`)).status).toBe(200);
    expect(await new NgCall(daemon.ng, "new").offer()).toMatchObject({ result: "load limit" });
    await call.talk(10);
    expect((await call.ng.offer())["result"]).toBe("ok"); // a re-INVITE
    expect((await sluiceCtl([...target, "undrain"])).output).toBe("Taking new calls, 1 running.\n");
    expect((await new NgCall(daemon.ng, "new").offer())["result"]).toBe("ok");
    expect((await fetch(`${HTTP_URL}/health/ready`)).status).toBe(200);
  },
);

scenario(
  "a listener that everybody can reach says so in the log, one on loopback does not",
  [DAEMON, OURS],
  async (scene) => {
    const daemon = await scene.startDaemon({
      extra: [`--listen-http=0.0.0.0:${HTTP.port}`, `--listen-cli=${CLI.address}:${CLI.port}`],
    });
    await daemon.process.logged(/WARNING: .*HTTP on 0\.0\.0\.0:15024 is open to everybody.*http-token/);
    expect(daemon.process.log.items.join("\n")).not.toMatch(/command line on .* is open to everybody/);
  },
);

scenario(
  "a listener whose address is taken: the daemon says which and does not start",
  [DAEMON, OURS],
  async (scene) => {
    const holder = Bun.listen({ hostname: HTTP.address, port: HTTP.port, socket: { data() {} } });
    scene.atEnd(() => holder.stop(true));
    const start = startWithListeners(scene);
    await expect(start).rejects.toThrow(/Cannot listen for HTTP on 127\.0\.20\.1:15024/);
  },
);

scenario("set controltos marks the next ng replies", [DAEMON, OURS, TCPDUMP], async (scene) => {
  const daemon = await startWithListeners(scene);
  const capture = ["tcpdump", "-l", "-n", "-v", "-i", "lo", `udp and src host ${NG.address} and src port ${NG.port}`];
  const tcpdump = new Child("tcpdump", capture);
  scene.atEnd(() => tcpdump.stop());
  await tcpdump.logged(/listening on lo/);
  await daemon.ng.request({ command: "ping" });
  await tcpdump.logged(/IP \(tos 0x0,/);
  expect((await sluiceCtl(["--ip", `${CLI.address}:${CLI.port}`, "set", "controltos", "184"])).output).toBe(
    "Success setting control-tos to 184\n",
  );
  await daemon.ng.request({ command: "ping" });
  await tcpdump.logged(/IP \(tos 0xb8,/);
});
