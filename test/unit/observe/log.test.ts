import { describe, expect, test } from "bun:test";
import { LOG_BURST, LOG_RATE, MAX_DEBUGGED_CALLS, MAX_LOG_CLASSES } from "../../../src/limits.ts";
import { createLog, type LogSink } from "../../../src/observe/log.ts";
import { type LogSettings, SUBSYSTEMS, type Subsystem } from "../../../src/observe/vocabulary.ts";

const SETTINGS: LogSettings = {
  name: "rtpengine",
  levels: Object.fromEntries(SUBSYSTEMS.map((each) => [each, each === "internals" ? -1 : 6])) as Record<
    Subsystem,
    number
  >,
  format: "default",
  timestamps: false,
  splitLines: false,
  maxLineLength: 0,
  facility: "daemon",
  channels: { cdr: "local2", rtcp: undefined, dtmf: undefined },
  markPrefix: "",
  markSuffix: "",
};

class Capture implements LogSink {
  lines: string[] = [];
  severities: number[] = [];
  facilities: string[] = [];
  lost = 0;
  flushed = 0;
  write(line: string, severity: number, facility: string): void {
    this.lines.push(line);
    this.severities.push(severity);
    this.facilities.push(facility);
  }
  flush(): void {
    this.flushed++;
  }
  drain(): Promise<void> {
    return Promise.resolve();
  }
  takeLost(): number {
    const { lost } = this;
    this.lost = 0;
    return lost;
  }
}

function scene(settings: Partial<LogSettings> = {}) {
  const sink = new Capture();
  const clock = { now: 1_767_225_600_123 };
  const log = createLog({ ...SETTINGS, ...settings }, sink, () => clock.now);
  return { sink, clock, log };
}

describe("line layout", () => {
  test.each([
    ["a84b4c76e66710", "INFO: [a84b4c76e66710]: [control] Received command 'offer' from 127.0.0.1:41523"],
    [
      "a84b4c76e66710 port 30000",
      "INFO: [a84b4c76e66710 port 30000]: [control] Received command 'offer' from 127.0.0.1:41523",
    ],
    [
      "a84b4c76e66710/1928301774/1 port 30000",
      "INFO: [a84b4c76e66710/1928301774/1 port 30000]: [control] Received command 'offer' from 127.0.0.1:41523",
    ],
    [undefined, "INFO: [control] Received command 'offer' from 127.0.0.1:41523"],
  ])("context %p", (context, line) => {
    const { sink, log } = scene();
    log.write("info", "control", context, "Received command 'offer' from 127.0.0.1:41523");
    expect(sink.lines).toEqual([line]);
  });

  test("names of levels", () => {
    const { sink, log } = scene();
    log.setLevel(8);
    for (const level of [
      "emergency",
      "alert",
      "critical",
      "error",
      "warning",
      "notice",
      "info",
      "debug",
      "internal",
    ] as const) {
      log.write(level, "core", undefined, "x");
    }
    expect(sink.lines.map((line) => line.split(":")[0]!)).toEqual([
      "EMERG",
      "ALERT",
      "CRIT",
      "ERR",
      "WARNING",
      "NOTICE",
      "INFO",
      "DEBUG",
      "DEBUG",
    ]);
    expect(sink.severities).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 7]);
  });

  test.each([
    ["c1", 'INFO: [ID="c1"]: [core] x'],
    ["c1 port 30000", 'INFO: [ID="c1" port="30000"]: [core] x'],
    ["a/b@host/tag/2 port 30000", 'INFO: [ID="a/b@host" tag="tag" index="2" port="30000"]: [core] x'],
    ['c"1\\', 'INFO: [ID="c\\"1\\\\"]: [core] x'],
  ])("parsable: %s", (context, line) => {
    const { sink, log } = scene({ format: "parsable" });
    log.info("core", "x", context);
    expect(sink.lines).toEqual([line]);
  });

  test("JSON: one object per line, parts of the context as fields, text as UTF-8 in ASCII", () => {
    const { sink, log } = scene({ format: "json" });
    log.warning("ice", "caf\u00c3\u00a9\nzwei \u00ff", "c\u00c3\u00bc/tag/1 port 30000");
    expect(sink.lines[0]).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(sink.lines[0]!)).toEqual({
      time: "2026-01-01T00:00:00.123Z",
      level: "warning",
      subsystem: "ice",
      "call-id": "c\u00fc",
      tag: "tag",
      index: 1,
      port: 30_000,
      message: "caf\u00e9\nzwei \ufffd",
    });
  });

  test("nobody outside can forge a line", () => {
    const { sink, log } = scene();
    log.info("core", "bad SDP: 'x\r\nERR: [core] all is lost\u001b[2J'", "evil\nINFO: [x]: call");
    expect(sink.lines).toEqual([
      "INFO: [evil\\nINFO: [x]: call]: [core] bad SDP: 'x\\nERR: [core] all is lost\\x1b[2J'",
    ]);
  });

  test("split-logs: one line per line of an SDP", () => {
    const { sink, log } = scene({ splitLines: true });
    log.info("core", "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\n", "c1");
    expect(sink.lines).toEqual(["INFO: [c1]: [core] v=0", "INFO: [c1]: [core] o=- 1 1 IN IP4 10.0.0.5"]);
  });

  test("long lines are broken, nothing is lost", () => {
    const { sink, log } = scene({ maxLineLength: 10 });
    log.info("core", "abcdefghijklmnopqrstuvwxyz");
    expect(sink.lines).toEqual([
      "INFO: [core] abcdefghij",
      "INFO: [core] ... klmnop",
      "INFO: [core] ... qrstuv",
      "INFO: [core] ... wxyz",
    ]);
  });

  test("sensitive values are marked", () => {
    const { sink, log } = scene({ markPrefix: "<", markSuffix: ">" });
    log.info(
      "core",
      "from 10.0.0.5:5060 to [2001:db8::1]:30000, at 12:30:45 via 2001:db8::2, v1.2 10.0.0.7.",
      "call@10.0.0.9",
    );
    expect(sink.lines).toEqual([
      "INFO: [<call@10.0.0.9>]: [core] from <10.0.0.5:5060> to <[2001:db8::1]:30000>, at 12:30:45 via <2001:db8::2>, v1.2 <10.0.0.7>.",
    ]);
  });
});

describe("levels", () => {
  test("can be changed while running, per subsystem", () => {
    const { sink, log } = scene();
    log.debug("ice", "no");
    log.setLevel(7, "ice");
    log.debug("ice", "yes");
    log.debug("core", "no");
    log.setLevel(4);
    log.info("core", "no");
    log.info("ice", "no");
    expect(sink.lines).toEqual(["DEBUG: [ice] yes"]);
    expect([log.level("ice"), log.level("core"), log.level("internals")]).toEqual([4, 4, -1]);
  });

  test("internals is silent until asked for by name", () => {
    const { log } = scene();
    log.setLevel(8);
    expect(log.enabled("error", "internals")).toBe(false);
    log.setLevel(7, "internals");
    expect(log.enabled("debug", "internals")).toBe(true);
  });

  test("values out of range are clamped, nonsense is ignored", () => {
    const { log } = scene();
    log.setLevel(99);
    expect(log.level("core")).toBe(8);
    log.setLevel(-5);
    expect(log.level("core")).toBe(-1);
    log.setLevel(Number.NaN);
    expect(log.level("core")).toBe(-1);
  });

  test("SIGUSR1 and SIGUSR2 shift by one and stop at the ends", () => {
    const { log } = scene();
    for (let i = 0; i < 9; i++) log.shiftLevel(-1);
    expect(log.level("core")).toBe(0);
    for (let i = 0; i < 20; i++) log.shiftLevel(1);
    expect(log.level("core")).toBe(8);
    expect(log.level("internals")).toBe(-1);
  });

  test("one call can be debugged alone", () => {
    const { sink, log } = scene();
    expect(log.debugCall("c1", true)).toBe(true);
    log.debug("core", "yes", "c1");
    log.debug("core", "yes", "c1/tag/1 port 30000");
    log.debug("core", "no", "c2");
    log.debugCall("c1", false);
    log.debug("core", "no", "c1");
    expect(sink.lines).toHaveLength(2);
  });

  test("calls debugged one by one have a limit", () => {
    const { log } = scene();
    for (let i = 0; i < MAX_DEBUGGED_CALLS; i++) expect(log.debugCall(`c${i}`, true)).toBe(true);
    expect(log.debugCall("one more", true)).toBe(false);
    expect(log.debugCall("c0", true)).toBe(true);
  });
});

describe("storms", () => {
  test("lines of one kind are cut, counted and reported; other kinds still come through", () => {
    const { sink, clock, log } = scene();
    const extra = 500;
    for (let i = 0; i < LOG_BURST + extra; i++) log.warning("core", `packet from 10.0.0.${i % 250}:${i} refused`);
    log.info("control", "Received command 'ping'");
    expect(sink.lines).toHaveLength(LOG_BURST + 1);
    expect(log.suppressed).toBe(extra);
    clock.now += 1_000;
    log.tick();
    expect(sink.lines.at(-1)).toBe(`WARNING: [core] suppressed ${extra} lines like: packet from 10.0.0.0:0 refused`);
    sink.lines = [];
    for (let i = 0; i < LOG_RATE * 2; i++) log.warning("core", `packet from 10.0.0.1:${i} refused`);
    expect(sink.lines).toHaveLength(LOG_RATE);
  });

  test("what was suppressed is told at the end too", () => {
    const { sink, log } = scene();
    for (let i = 0; i < LOG_BURST + 3; i++) log.info("core", "again");
    log.flush();
    expect(sink.lines.at(-1)).toBe("INFO: [core] suppressed 3 lines like: again");
    expect(sink.flushed).toBe(1);
  });

  test("endless new kinds of line cost a bounded amount of memory", () => {
    const { sink, log } = scene();
    for (let i = 0; i < MAX_LOG_CLASSES * 3; i++)
      log.info("core", `${"x".repeat(i % 50)}${String.fromCharCode(103 + (i % 19))}y${"z".repeat(i % 7)}`);
    expect(sink.lines).toHaveLength(MAX_LOG_CLASSES * 3);
  });

  test("packet-path errors come once per 15 s for the same text and call", () => {
    const { sink, clock, log } = scene();
    const say = (context: string) => log.limited("warning", "core", context, "RTP packet with unknown payload type 13");
    say("c1");
    say("c1");
    say("c2");
    clock.now += 14_999;
    say("c1");
    expect(sink.lines).toHaveLength(2);
    clock.now += 1;
    say("c1");
    expect(sink.lines).toHaveLength(3);
    // A clock that was set back does not silence it.
    clock.now -= 3_600_000;
    say("c1");
    expect(sink.lines).toHaveLength(4);
  });

  test("lines that a slow reader cost are reported", () => {
    const { sink, clock, log } = scene();
    sink.lost = 7;
    clock.now += 1_000;
    log.tick();
    expect(sink.lines).toEqual(["WARNING: [core] 7 log lines were lost: their reader is too slow"]);
  });
});

test("CDR lines have their own facility and no prefix; streams that are off cost nothing", () => {
  const { sink, log } = scene();
  log.channel("cdr", "ci=c1, created_from=127.0.0.1:5060, ");
  log.channel("rtcp", "nothing");
  expect(sink.lines).toEqual(["ci=c1, created_from=127.0.0.1:5060, "]);
  expect(sink.facilities).toEqual(["local2"]);
  expect([log.channelEnabled("cdr"), log.channelEnabled("rtcp")]).toEqual([true, false]);
});
