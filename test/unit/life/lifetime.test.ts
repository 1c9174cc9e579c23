import { describe, expect, test } from "bun:test";
import type { Loaded } from "../../../src/config/settings.ts";
import { Lifetime } from "../../../src/life/lifetime.ts";
import { Notifier } from "../../../src/life/notify.ts";
import { type InForce, planReload } from "../../../src/life/reload.ts";
import { createLog } from "../../../src/observe/log.ts";
import { conf, settingsOf } from "../config/host.ts";

const read = (lines: string): Loaded => conf(`[rtpengine]\ninterface = 10.0.0.5\n${lines}\n`);

function scene(options: { drainTime?: number; watchdog?: number; file?: string } = {}) {
  let time = 0;
  const lines: string[] = [];
  const messages: string[] = [];
  const socket = { send: (data: Uint8Array) => Math.min(0, messages.push(Buffer.from(data).toString("utf8"))) };
  const start = settingsOf(read(options.file ?? ""));
  let inForce: InForce = start;
  const served = {
    calls: 0,
    refused: false,
    obstacles: [] as string[],
    workers: [{ worker: 0, alive: true, stuck: false }],
    refuseNewCalls: () => {
      served.refused = true;
    },
    reload: (settings: NonNullable<Loaded["settings"]>) => {
      const plan = planReload(inForce, settings);
      inForce = plan.inForce;
      return plan;
    },
  };
  const sink = {
    write: (line: string) => void lines.push(line),
    flush() {},
    drain: () => Promise.resolve(),
    takeLost: () => 0,
  };
  let load: () => Promise<Loaded> = async () => read("");
  const lifetime = new Lifetime({
    served,
    notifier: new Notifier(socket, () => 1_000),
    log: createLog(start.log, sink, () => time),
    watchdog: options.watchdog,
    drainTime: options.drainTime ?? 60,
    load: () => load(),
    now: () => time,
  });
  let ended: string | undefined;
  void lifetime.over.then((why) => {
    ended = why;
  });
  return {
    lifetime,
    served,
    lines,
    messages,
    /** A file that says this from now on. */
    write: (text: string) => {
      load = async () => read(text);
    },
    fail: (error: Error) => {
      load = () => Promise.reject(error);
    },
    async pass(milliseconds: number, step = 100) {
      for (const until = time + milliseconds; time < until; ) {
        time += step;
        lifetime.tick();
      }
      await Promise.resolve();
      return ended;
    },
    async ended() {
      await Promise.resolve();
      return ended;
    },
  };
}

describe("SIGTERM", () => {
  test("with calls up: new ones are refused, the daemon stays until the last one ends", async () => {
    const { lifetime, served, pass, lines, messages } = scene();
    served.calls = 2;
    lifetime.started();
    lifetime.end("SIGTERM");
    expect(served.refused).toBe(true);
    expect(await pass(30_000)).toBeUndefined();
    served.calls = 0;
    expect(await pass(100)).toBe("no calls left");
    expect(lines.join("\n")).toContain(
      "Received SIGTERM, draining: 2 calls are running; ends with the last one or in 60 s",
    );
    expect(messages).toContain("STOPPING=1\nSTATUS=Draining: 2 calls, 60 s left\n");
    // systemd's own limit does not cut the drain short.
    expect(messages.filter((each) => each.startsWith("EXTEND_TIMEOUT_USEC=")).length).toBeGreaterThanOrEqual(6);
  });

  test("calls that do not end are cut off at the limit", async () => {
    const { lifetime, served, pass } = scene({ drainTime: 10 });
    served.calls = 1;
    lifetime.end("SIGTERM");
    expect(await pass(9_900)).toBeUndefined();
    expect(await pass(100)).toBe("time is up");
  });

  test("a second signal ends at once", async () => {
    const { lifetime, served, ended, lines } = scene();
    served.calls = 3;
    lifetime.end("SIGTERM");
    expect(await ended()).toBeUndefined();
    lifetime.end("SIGTERM");
    expect(await ended()).toBe("asked again");
    expect(lines.at(-1)).toContain("ending at once: 3 calls are cut off");
  });

  test("Ctrl-C does not wait for calls, neither does a drain time of 0", async () => {
    const typed = scene();
    typed.served.calls = 1;
    typed.lifetime.end("SIGINT", true);
    expect(await typed.ended()).toBe("at once");
    const off = scene({ drainTime: 0 });
    off.served.calls = 1;
    off.lifetime.end("SIGTERM");
    expect(await off.ended()).toBe("at once");
  });

  test("a drain time that was read again counts", async () => {
    const { lifetime, served, write, pass } = scene();
    write("drain-time = 5");
    await lifetime.reload();
    served.calls = 1;
    lifetime.end("SIGTERM");
    expect(await pass(4_900)).toBeUndefined();
    expect(await pass(100)).toBe("time is up");
  });
});

describe("SIGHUP", () => {
  test("says what is in force now and what waits for a restart; the manager sees it begin and end", async () => {
    const { lifetime, write, lines, messages } = scene();
    write("timeout = 30\nnum-threads = 2");
    await lifetime.reload();
    expect(lines).toEqual([
      "NOTICE: [core] SIGHUP: configuration read again, in force now: timeout",
      "WARNING: [core] SIGHUP: changed, but needs a restart: num-threads",
    ]);
    expect(messages).toEqual(["RELOADING=1\nMONOTONIC_USEC=1000\n", "READY=1\nSTATUS=Taking calls: 0 calls\n"]);
  });

  test("a file with a mistake changes nothing; the line and the right form are in the log", async () => {
    const { lifetime, write, lines, messages } = scene({ file: "timeout = 60" });
    write("timeout = soon\nmax-sessions = 5");
    await lifetime.reload();
    expect(lines[0]).toStartWith("ERR: [core] /etc/rtpengine/rtpengine.conf:3: timeout = soon: ");
    expect(lines.at(-1)).toBe("ERR: [core] SIGHUP: the configuration has errors; nothing was changed");
    expect(messages.at(-1)).toStartWith("READY=1\n");
    write("timeout = 60\nmax-sessions = 5");
    await lifetime.reload();
    expect(lines.at(-1)).toContain("in force now: max-sessions");
  });

  test("a file that cannot be read at all", async () => {
    const { lifetime, fail, lines, messages } = scene();
    fail(new Error("disk on fire"));
    await lifetime.reload();
    expect(lines).toEqual([
      "ERR: [core] SIGHUP: the configuration could not be read: disk on fire; nothing was changed",
    ]);
    expect(messages.at(-1)).toStartWith("READY=1\n");
  });

  test("a second SIGHUP during the reading reads once more, so that the last state of the file counts", async () => {
    const { lifetime, write, lines } = scene();
    write("timeout = 30");
    const first = lifetime.reload();
    write("timeout = 31\nmax-sessions = 7");
    void lifetime.reload();
    await first;
    expect(lines.filter((line) => line.includes("read again"))).toHaveLength(2);
    expect(lines.at(-1)).toContain("max-sessions");
  });

  test("while draining it is too late", async () => {
    const { lifetime, served, lines } = scene();
    served.calls = 1;
    lifetime.end("SIGTERM");
    await lifetime.reload();
    expect(lines.at(-1)).toContain("the daemon is ending");
  });
});

describe("what the service manager sees", () => {
  test("signs of life at least at half its time, while all workers run", async () => {
    const { lifetime, messages, pass } = scene({ watchdog: 1_000 });
    lifetime.started();
    await pass(10_000);
    const count = messages.filter((each) => each === "WATCHDOG=1\n").length;
    expect(count).toBeGreaterThanOrEqual(10);
    expect(count).toBeLessThanOrEqual(14);
  });

  test("none while a worker is stuck or dead, said once in the log; again when it is back", async () => {
    const { served, messages, pass, lines } = scene({ watchdog: 1_000 });
    await pass(1_000);
    for (const state of [
      { alive: true, stuck: true },
      { alive: false, stuck: false },
    ]) {
      served.workers = [
        { worker: 0, alive: true, stuck: false },
        { worker: 1, ...state },
      ];
      messages.length = 0;
      lines.length = 0;
      await pass(5_000);
      expect(messages).not.toContain("WATCHDOG=1\n");
      expect(lines).toEqual(["ERR: [core] No sign of life for the service manager: relay worker 1 does not run"]);
      served.workers = [{ worker: 0, alive: true, stuck: false }];
      await pass(1_000);
      expect(messages).toContain("WATCHDOG=1\n");
    }
  });

  test("a status line that follows the calls and names what is in the way", async () => {
    const { lifetime, served, messages, pass } = scene();
    lifetime.started();
    served.calls = 1;
    await pass(1_500);
    served.obstacles = ["10.0.0.5 has 2 free media ports"];
    await pass(1_500);
    expect(messages.filter((each) => each.includes("STATUS="))).toEqual([
      "READY=1\nSTATUS=Taking calls: 0 calls\n",
      "STATUS=Taking calls: 1 call\n",
      "STATUS=Not ready: 10.0.0.5 has 2 free media ports; 1 call\n",
    ]);
  });
});
