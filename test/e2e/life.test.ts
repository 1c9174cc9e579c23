import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { UnixReceiver } from "../unit/ffi/unix-receiver.ts";
import type { Daemon } from "./daemon.ts";
import { settled, within } from "./deadline.ts";
import type { FarEnd } from "./far-end.ts";
import { CALLEE_MEDIA, CALLER_MEDIA, udpPortsInUse } from "./network.ts";
import { NgCall, plainSdp } from "./ng-call.ts";
import { pick } from "./ng-client.ts";
import { DAEMON, notThePeer } from "./requirement.ts";
import { type Scene, scenario, talk } from "./scene.ts";
import { type SdpSection, sdpSections } from "./sip-message.ts";

const HTTP = "127.0.20.1:24001";
const NEEDS = [DAEMON, notThePeer("has none of this")];

interface Talk {
  readonly call: NgCall;
  readonly caller: FarEnd;
  readonly callee: FarEnd;
  readonly callerTarget: SdpSection;
  readonly calleeTarget: SdpSection;
}

/** An established call with far ends. */
async function establish(scene: Scene, daemon: Daemon, callId: string): Promise<Talk> {
  const caller = await scene.farEnd("caller", CALLER_MEDIA);
  const callee = await scene.farEnd("callee", CALLEE_MEDIA);
  const call = new NgCall(daemon.ng, callId);
  const offered = await call.offer({ sdp: plainSdp(caller.port, caller.address) });
  expect(offered["result"]).toBe("ok");
  const answered = await call.answer({ sdp: plainSdp(callee.port, callee.address) });
  expect(answered["result"]).toBe("ok");
  return {
    call,
    caller,
    callee,
    callerTarget: sdpSections(String(answered["sdp"]))[0]!,
    calleeTarget: sdpSections(String(offered["sdp"]))[0]!,
  };
}

const speak = ({ caller, callerTarget, callee, calleeTarget }: Talk, packets: number) =>
  talk(caller, callerTarget, callee, calleeTarget, packets);

scenario("SIGTERM with a call up: it goes on without a lost packet, new ones go elsewhere", NEEDS, async (scene) => {
  const daemon = await scene.startDaemon({ extra: ["--drain-time=30", `--listen-http=${HTTP}`] });
  const up = await establish(scene, daemon, "goes-on");
  const media = speak(up, 150);
  expect((await fetch(`http://${HTTP}/health/ready`)).status).toBe(200);
  process.kill(daemon.process.pid, "SIGTERM");
  await daemon.process.logged(/draining: 1 call is running/);

  const ready = await fetch(`http://${HTTP}/health/ready`);
  expect(ready.status).toBe(503);
  expect(JSON.stringify(await ready.json())).toContain("draining");
  expect((await fetch(`http://${HTTP}/health/live`)).status).toBe(200);

  // Kamailio says what it supports, OpenSIPS does not: both try another node.
  const fresh = new NgCall(daemon.ng, "new-one");
  expect(await fresh.offer()).toMatchObject({ result: "load limit", message: "Parallel session limit reached" });
  const { supports: _, ...old } = fresh.offerBody();
  expect(await daemon.ng.request(old)).toMatchObject({
    result: "error",
    "error-reason": "Parallel session limit reached",
  });
  expect(await daemon.calls()).toEqual(["goes-on"]);

  // The running call is served in full: re-invite, query, delete.
  const resumed = await up.call.offer({ sdp: plainSdp(up.caller.port, up.caller.address) });
  expect(resumed["result"]).toBe("ok");
  expect((await up.call.answer({ sdp: plainSdp(up.callee.port, up.callee.address) }))["result"]).toBe("ok");
  await media;
  expect(daemon.process.running).toBe(true);
  expect(Number(pick(await daemon.query("goes-on"), "totals", "RTP", "packets"))).toBe(300);

  expect((await up.call.deleteAll())["result"]).toBe("ok");
  expect(await daemon.process.ended(2_000)).toBe(0);
  expect(daemon.process.log.items.join("\n")).toContain("Drained: no calls left");
});

scenario("a call in its delete delay does not hold up the end", NEEDS, async (scene) => {
  const daemon = await scene.startDaemon({ extra: ["--drain-time=30", "--delete-delay=25"] });
  const { call } = await establish(scene, daemon, "deleted");
  await call.deleteAll();
  expect(await daemon.calls()).toEqual(["deleted"]);
  process.kill(daemon.process.pid, "SIGTERM");
  expect(await daemon.process.ended(2_000)).toBe(0);
});

scenario("a call that does not end is cut off when the drain time is up, with its record", NEEDS, async (scene) => {
  const daemon = await scene.startDaemon({ extra: ["--drain-time=2", "--log-facility-cdr=local1"] });
  await establish(scene, daemon, "endless");
  const start = performance.now();
  process.kill(daemon.process.pid, "SIGTERM");
  expect(await daemon.process.ended(5_000)).toBe(0);
  const took = performance.now() - start;
  expect(took).toBeGreaterThan(1_900);
  expect(took).toBeLessThan(3_500);
  const log = daemon.process.log.items.join("\n");
  expect(log).toContain("Drained: time is up");
  expect(log).toMatch(/ci=endless/);
  expect(log).toContain("Shutdown complete");
});

scenario("a second signal, and Ctrl-C, end the daemon at once", NEEDS, async (scene) => {
  for (const signals of [["SIGTERM", "SIGTERM"], ["SIGTERM", "SIGINT"], ["SIGINT"]] as const) {
    const daemon = await scene.startDaemon({ extra: ["--drain-time=60"] });
    await establish(scene, daemon, "cut-off");
    for (const signal of signals) {
      process.kill(daemon.process.pid, signal);
      await daemon.process.logged(new RegExp(`Received ${signal}`));
      // Two signals at the same time would be one.
      await daemon.ng.request({ command: "ping" }, { timeoutMs: 100 }).catch(() => {});
    }
    expect(await daemon.process.ended(2_000), signals.join()).toBe(0);
  }
});

scenario("an operator's drain has a way back, the end of the daemon has none", NEEDS, async (scene) => {
  const daemon = await scene.startDaemon({ extra: ["--drain-time=30", `--listen-http=${HTTP}`] });
  const line = async (words: string) => await (await fetch(`http://${HTTP}/cli/${words}`)).text();
  const { call } = await establish(scene, daemon, "stays");
  await line("drain");
  expect(await new NgCall(daemon.ng, "a").offer()).toMatchObject({ result: "load limit" });
  await line("undrain");
  const other = new NgCall(daemon.ng, "b");
  expect(await other.offer()).toMatchObject({ result: "ok" });
  await other.deleteAll();
  process.kill(daemon.process.pid, "SIGTERM");
  await daemon.process.logged(/draining/);
  expect(await line("undrain")).toContain("the daemon is ending".replace("the", "The"));
  expect(await new NgCall(daemon.ng, "c").offer()).toMatchObject({ result: "load limit" });
  await call.deleteAll();
  expect(await daemon.process.ended(2_000)).toBe(0);
});

scenario("SIGHUP: changes are taken over, mistakes change nothing, the rest is named", NEEDS, async (scene) => {
  const file = join(scene.directory, "sluice.toml");
  const write = (text: string) => writeFileSync(file, text);
  write("max-sessions = 10\nlog-level = 7\n[templates]\nquiet = 'trust-address'\n");
  const daemon = await scene.startDaemon({ extra: [`--config-file=${file}`] });
  // The command line is stronger than the file: these tests set the level there.
  const hup = async (pattern: RegExp) => {
    const from = daemon.process.log.items.length;
    process.kill(daemon.process.pid, "SIGHUP");
    return await daemon.process.logged(pattern, 3_000, from);
  };
  const up = await establish(scene, daemon, "through-it-all");
  const media = speak(up, 75);

  write("max-sessions = 1\n[templates]\nquiet = 'trust-address'\n");
  expect(await hup(/configuration read again/)).toContain("in force now: max-sessions");
  expect(await new NgCall(daemon.ng, "one-too-many").offer()).toMatchObject({ result: "load limit" });

  write("max-sessions = 'many'\nnum-threads = 7\n");
  expect(await hup(/max-sessions/)).toContain(`${file}:1: max-sessions = many`);
  await daemon.process.logged(/has errors; nothing was changed/);
  expect(await new NgCall(daemon.ng, "still-too-many").offer()).toMatchObject({ result: "load limit" });

  write("max-sessions = 10\nnum-threads = 7\n[templates]\nquiet = 'trust-address replace-origin'\n");
  expect(await hup(/in force now/)).toMatch(/max-sessions.*templates|templates.*max-sessions/);
  await daemon.process.logged(/needs a restart: num-threads/);
  const room = new NgCall(daemon.ng, "there-is-room");
  expect(await room.offer({ template: "quiet" })).toMatchObject({ result: "ok" });
  await media;
});

for (const kind of ["path", "abstract"] as const) {
  scenario(`systemd's notify socket (${kind}): ready, status, watchdog, reload, stop`, NEEDS, async (scene) => {
    const path = kind === "path" ? join(scene.directory, "notify") : `@sluice-e2e-${process.pid}`;
    const manager = new UnixReceiver(path);
    scene.atEnd(() => manager.close());
    const heard: { at: number; text: string }[] = [];
    const look = setInterval(() => {
      for (const text of manager.takeAll()) heard.push({ at: performance.now(), text });
    }, 5);
    scene.atEnd(() => clearInterval(look));
    const said = (pattern: RegExp, timeoutMs = 3_000) =>
      settled(() => (heard.some(({ text }) => pattern.test(text)) ? undefined : `nothing like ${pattern}`), timeoutMs);

    const daemon = await scene.startDaemon({
      extra: ["--drain-time=30"],
      env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "1000000" },
    });
    await said(/^READY=1\nSTATUS=Taking calls: 0 calls\n$/);
    const { call } = await establish(scene, daemon, "seen");
    await said(/^STATUS=Taking calls: 1 call\n$/);

    await Bun.sleep(3_000);
    const signs = heard.filter(({ text }) => text === "WATCHDOG=1\n").map(({ at }) => at);
    expect(signs.length).toBeGreaterThanOrEqual(5);
    for (let i = 1; i < signs.length; i++) expect(signs[i]! - signs[i - 1]!).toBeLessThan(1_000);

    const before = heard.length;
    process.kill(daemon.process.pid, "SIGHUP");
    await settled(() =>
      heard.slice(before).some(({ text }) => text.startsWith("READY=1\n")) ? undefined : "no READY",
    );
    const reload = heard.slice(before).find(({ text }) => text.startsWith("RELOADING=1\n"));
    const stamp = Number(/^MONOTONIC_USEC=(\d+)$/m.exec(reload?.text ?? "")?.[1]);
    // Microseconds since the machine's start, not since the daemon's.
    const uptime = Number((await Bun.file("/proc/uptime").text()).split(" ")[0]) * 1_000_000;
    expect(Math.abs(stamp - uptime)).toBeLessThan(10_000_000);

    process.kill(daemon.process.pid, "SIGTERM");
    await said(/^STOPPING=1\nSTATUS=Draining: 1 call, 30 s left\n$/);
    await said(/^EXTEND_TIMEOUT_USEC=15000000\n$/);
    await call.deleteAll();
    expect(await daemon.process.ended(2_000)).toBe(0);
  });
}

scenario("a daemon whose main thread hangs gives no sign of life", NEEDS, async (scene) => {
  const path = join(scene.directory, "notify");
  const manager = new UnixReceiver(path);
  scene.atEnd(() => manager.close());
  const daemon = await scene.startDaemon({ env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "400000" } });
  await settled(() => (manager.takeAll().includes("WATCHDOG=1\n") ? undefined : "no sign of life yet"));
  process.kill(daemon.process.pid, "SIGSTOP");
  await Bun.sleep(50);
  manager.takeAll();
  await Bun.sleep(1_000);
  expect(manager.takeAll()).toEqual([]);
  process.kill(daemon.process.pid, "SIGCONT");
  await settled(() => (manager.takeAll().includes("WATCHDOG=1\n") ? undefined : "no sign of life again"));
});

const LIMITS = [
  ["max-sessions", "1", "Parallel session limit reached"],
  ["max-load", "0.01", "Load limit exceeded"],
  ["max-cpu", "0.1", "CPU usage limit exceeded"],
  ["max-bandwidth", "100", "Bandwidth limit exceeded"],
] as const;
for (const [option, value, message] of LIMITS) {
  scenario(
    `${option}: a new call is refused with the words the proxies know, a running one is not`,
    NEEDS,
    async (scene) => {
      // The limit is set while the first call is up: a busy machine would not let it begin.
      const file = join(scene.directory, "sluice.toml");
      writeFileSync(file, "");
      const daemon = await scene.startDaemon({ extra: [`--config-file=${file}`] });
      const up = await establish(scene, daemon, "running");
      writeFileSync(file, `${option} = ${value}\n`);
      process.kill(daemon.process.pid, "SIGHUP");
      await daemon.process.logged(new RegExp(`in force now: ${option}`));
      const media = up.caller.send(up.callerTarget.rtp, 1_000, up.callerTarget.rtcp);
      // Load and rates are looked at once a second; the machine's load average moves every 5 s.
      let serial = 0;
      await settled(async () => {
        const call = new NgCall(daemon.ng, `new-${++serial}`);
        const reply = await call.offer();
        if (reply["result"] === "load limit") {
          expect(reply["message"]).toBe(message);
          return undefined;
        }
        await call.deleteAll();
        await Bun.sleep(100);
        return "new calls are taken";
      }, 15_000);
      const { supports: _, ...old } = new NgCall(daemon.ng, "without-supports").offerBody();
      expect(await daemon.ng.request(old)).toMatchObject({ result: "error", "error-reason": message });
      expect(await up.call.offer({ sdp: plainSdp(up.caller.port, up.caller.address) })).toMatchObject({ result: "ok" });
      const statistics = await daemon.ng.request({ command: "statistics" });
      const rejected = Number(pick(statistics, "statistics", "totalstatistics", "rejectedsessions"));
      // Of the four only the session limit counts.
      expect(rejected).toBe(option === "max-sessions" ? 2 : 0);
      up.caller.stopSending();
      await media;
    },
  );
}

scenario("the log and call records go to syslog with their facilities", NEEDS, async (scene) => {
  const path = join(scene.directory, "log");
  const syslog = new UnixReceiver(path);
  scene.atEnd(() => syslog.close());
  const daemon = await scene.startDaemon({
    extra: ["--log-stderr=no", `--log-socket=${path}`, "--log-facility=local0", "--log-facility-cdr=local1"],
  });
  const { call } = await establish(scene, daemon, "recorded");
  await call.deleteAll();
  const lines: string[] = [];
  await settled(() => {
    lines.push(...syslog.takeAll());
    return lines.some((line) => line.includes("ci=recorded")) ? undefined : "no call record";
  });
  const { pid } = daemon.process;
  // local0 = 16, local1 = 17; info = 6, notice = 5.
  const stamp = "[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}";
  expect(lines.find((line) => line.includes("ci=recorded"))).toMatch(
    new RegExp(`^<142>${stamp} rtpengine\\[${pid}\\]: `),
  );
  expect(lines.find((line) => line.includes("Creating new call"))).toMatch(
    new RegExp(`^<133>${stamp} rtpengine\\[${pid}\\]: NOTICE: \\[recorded\\]: \\[core\\] Creating new call`),
  );
  expect(daemon.process.log.items).toEqual([]);
});

scenario("a syslog daemon that does not read stalls neither signalling nor the end", NEEDS, async (scene) => {
  const path = join(scene.directory, "log");
  const syslog = new UnixReceiver(path);
  scene.atEnd(() => syslog.close());
  const daemon = await scene.startDaemon({ logLevel: 6, extra: ["--log-stderr=no", `--log-socket=${path}`] });
  // Each call logs several lines; the socket's queue holds ten or a few hundred.
  const start = performance.now();
  for (let i = 0; i < 300; i++) {
    const call = new NgCall(daemon.ng, `many-${i}`);
    expect((await within(call.offer(), 1_000, "an answer"))["result"]).toBe("ok");
    await call.deleteAll();
  }
  expect(performance.now() - start).toBeLessThan(10_000);
  // It reads again: what waited comes in order.
  const lines: string[] = [];
  await settled(() => {
    lines.push(...syslog.takeAll());
    return lines.some((line) => line.includes("[many-299]")) ? undefined : "the last lines did not come";
  }, 15_000);
  const created = lines
    .filter((line) => line.includes("Creating new call"))
    .map((line) => /many-(\d+)/.exec(line)?.[1]);
  expect(created).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
  syslog.close();
  process.kill(daemon.process.pid, "SIGTERM");
  expect(await daemon.process.ended(4_000)).toBe(0);
});

scenario("without a syslog daemon the log goes to stderr and says why", NEEDS, async (scene) => {
  const path = join(scene.directory, "nobody");
  const daemon = await scene.startDaemon({ extra: ["--log-stderr=no", `--log-socket=${path}`] });
  await daemon.process.logged(/No syslog \(.*nobody: ENOENT\): the log goes to stderr/);
  expect(udpPortsInUse().length).toBeGreaterThan(0);
});
