import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_LOG_BACKLOG } from "../../../src/limits.ts";
import { StderrSink } from "../../../src/observe/stderr-sink.ts";

let folder: string;
let fd: number;
const file = () => join(folder, "log");
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-log-"));
  fd = openSync(file(), "w");
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const bytes = () => readFileSync(file());

describe("the sink", () => {
  test("writes lines in order, after the turn of the event loop", async () => {
    const sink = new StderrSink({ fd, timestamps: false, priorities: false });
    for (let i = 0; i < 1_000; i++) sink.write(`line ${i}`, 6, "daemon", 0);
    expect(bytes()).toHaveLength(0);
    await sink.drain();
    expect(bytes().toString()).toBe(`${Array.from({ length: 1_000 }, (_, i) => `line ${i}`).join("\n")}\n`);
  });

  test("flush writes at once, as at the end of the process", () => {
    const sink = new StderrSink({ fd, timestamps: false, priorities: false });
    sink.write("last words", 3, "daemon", 0);
    sink.flush();
    expect(bytes().toString()).toBe("last words\n");
  });

  test("priorities for the journal, time for a terminal", async () => {
    const journal = new StderrSink({ fd, timestamps: false, priorities: true });
    journal.write("x", 4, "daemon", 0);
    await journal.drain();
    expect(bytes().toString()).toBe("<4>x\n");
    const terminal = new StderrSink({ fd, timestamps: true, priorities: false });
    terminal.write("y", 4, "daemon", Date.UTC(2026, 0, 1));
    await terminal.drain();
    expect(bytes().toString()).toMatch(/^<4>x\n\[20(25|26)-\d\d-\d\d \d\d:\d\d:00\.000\] y\n$/);
  });

  test("byte strings leave as the bytes they are, other text as UTF-8", async () => {
    const sink = new StderrSink({ fd, timestamps: false, priorities: false });
    sink.write("\u00c3\u00a9\u00ff", 6, "daemon", 0);
    await sink.drain();
    expect([...bytes()]).toEqual([0xc3, 0xa9, 0xff, 0x0a]);
  });

  test("a reader that has stopped costs memory up to the limit, then lines, which are counted", () => {
    const sink = new StderrSink({ fd, timestamps: false, priorities: false });
    const line = "x".repeat(1_023);
    const fits = MAX_LOG_BACKLOG / 1_024;
    for (let i = 0; i < fits + 100; i++) sink.write(line, 6, "daemon", 0);
    expect(sink.takeLost()).toBe(100);
    expect(sink.takeLost()).toBe(0);
    sink.flush();
    expect(bytes()).toHaveLength(MAX_LOG_BACKLOG);
  });

  test("a reader that is gone does not end the daemon", async () => {
    const closed = openSync(file(), "r"); // writing fails with EBADF
    const sink = new StderrSink({ fd: closed, timestamps: false, priorities: false });
    sink.write("x", 6, "daemon", 0);
    await sink.drain();
    sink.write("y", 6, "daemon", 0);
    sink.flush();
    closeSync(closed);
    expect(bytes()).toHaveLength(0);
  });

  test("a pipe whose reader is slow gets everything", async () => {
    const fifo = join(folder, "fifo");
    Bun.spawnSync(["mkfifo", fifo]);
    const reader = Bun.spawn(["sh", "-c", `sleep 0.1; head -c 200000 ${fifo} | wc -c`], { stdout: "pipe" });
    // Open for both directions: that does not wait for the reader.
    const pipe = openSync(fifo, "r+");
    const sink = new StderrSink({ fd: pipe, timestamps: false, priorities: false });
    for (let i = 0; i < 2_000; i++) sink.write("x".repeat(99), 6, "daemon", 0);
    await sink.drain();
    expect((await new Response(reader.stdout).text()).trim()).toBe("200000");
    closeSync(pipe);
  });
});
