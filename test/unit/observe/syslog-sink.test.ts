import { describe, expect, test } from "bun:test";
import { createLog } from "../../../src/observe/log.ts";
import { SyslogSink } from "../../../src/observe/syslog-sink.ts";
import { LEVEL_OFF, type LogSettings, SUBSYSTEMS, type Subsystem } from "../../../src/observe/vocabulary.ts";

const EAGAIN = 11;
const EMSGSIZE = 90;
/** In the time zone of the machine. */
const TIME = new Date(2026, 0, 9, 7, 4, 5, 999).getTime();

function scene() {
  const sent: string[] = [];
  const state = { error: 0 };
  const socket = {
    send(data: Uint8Array) {
      if (state.error === 0) sent.push(Buffer.from(data).toString("latin1"));
      return state.error;
    },
  };
  return { sent, state, sink: new SyslogSink({ socket, name: "rtpengine", pid: 42 }) };
}

describe("lines to syslog", () => {
  test("priority from facility and severity, date, name and process id", () => {
    const { sent, sink } = scene();
    sink.write("INFO: [core] hello", 6, "daemon", TIME);
    sink.write("a record", 6, "local1", TIME);
    sink.write("caf\xc3\xa9", 3, "kern", TIME);
    expect(sent).toEqual([
      "<30>Jan  9 07:04:05 rtpengine[42]: INFO: [core] hello",
      "<142>Jan  9 07:04:05 rtpengine[42]: a record",
      "<3>Jan  9 07:04:05 rtpengine[42]: caf\xc3\xa9",
    ]);
  });

  test("the minute turns over", () => {
    const { sent, sink } = scene();
    sink.write("a", 6, "daemon", TIME);
    sink.write("b", 6, "daemon", TIME + 55_000);
    expect(sent.map((line) => line.slice(4, 19))).toEqual(["Jan  9 07:04:05", "Jan  9 07:05:00"]);
  });

  test("a daemon that is slow or away gets the lines later, in order", async () => {
    const { sent, state, sink } = scene();
    state.error = EAGAIN;
    sink.write("one", 6, "daemon", TIME);
    sink.write("two", 6, "daemon", TIME);
    expect(sent).toEqual([]);
    const drained = sink.drain();
    state.error = 0;
    sink.write("three", 6, "daemon", TIME);
    await drained;
    expect(sent.map((line) => line.split(": ")[1])).toEqual(["one", "two", "three"]);
    expect(sink.takeLost()).toBe(0);
  });

  test("one that stays away costs memory up to a limit, then lines, which are counted", () => {
    const { state, sink } = scene();
    state.error = EAGAIN;
    const line = "x".repeat(10_000);
    for (let i = 0; i < 1_000; i++) sink.write(line, 6, "daemon", TIME);
    const lost = sink.takeLost();
    // 4 MiB hold 418 of them.
    expect(lost).toBeGreaterThan(500);
    expect(lost).toBeLessThan(600);
    expect(sink.takeLost()).toBe(0);
    sink.flush(); // must not block
  });

  test("a line that no receiver takes is given up, the next one is sent", () => {
    const { sent, state, sink } = scene();
    state.error = EMSGSIZE;
    sink.write("huge", 6, "daemon", TIME);
    state.error = 0;
    sink.write("small", 6, "daemon", TIME);
    expect(sent).toHaveLength(1);
    expect(sink.takeLost()).toBe(1);
  });
});

test("records go to syslog with their facility, the log proper to its own sink", () => {
  const { sent, sink } = scene();
  const lines: string[] = [];
  const main = { write: (line: string) => void lines.push(line), flush() {}, drain: async () => {}, takeLost: () => 0 };
  const levels = Object.fromEntries(SUBSYSTEMS.map((name) => [name, name === "internals" ? LEVEL_OFF : 6])) as Record<
    Subsystem,
    number
  >;
  const settings: LogSettings = {
    name: "rtpengine",
    levels,
    format: "default",
    timestamps: false,
    splitLines: false,
    maxLineLength: 0,
    facility: "local1",
    channels: { cdr: "local1", rtcp: undefined, dtmf: undefined },
    markPrefix: "",
    markSuffix: "",
  };
  const log = createLog(settings, main, () => TIME, sink);
  log.info("core", "hello");
  log.channel("cdr", "ci=1");
  log.channel("rtcp", "nobody wants this");
  expect(lines).toEqual(["INFO: [core] hello"]);
  expect(sent).toEqual(["<142>Jan  9 07:04:05 rtpengine[42]: ci=1"]);
});
