import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCode, SystemError } from "../../../ffi/system-error.ts";
import { monotonicMicroseconds, openNotifySocket } from "../../../ffi/systemd.ts";
import { encodeUnixAddress, UnixDatagramSender } from "../../../ffi/unix-datagram.ts";
import { UnixReceiver } from "./unix-receiver.ts";

const directory = mkdtempSync(join(tmpdir(), "sluice-unix-"));
const open: { close(): void }[] = [];
const kept = <T extends { close(): void }>(each: T): T => {
  open.push(each);
  return each;
};
afterEach(() => {
  for (const each of open.splice(0)) each.close();
  rmSync(directory, { recursive: true, force: true });
  Bun.spawnSync(["mkdir", "-p", directory]);
});

describe("the address of a Unix socket", () => {
  test("a path ends with a zero, an abstract name begins with one", () => {
    const bytes = new Uint8Array(128).fill(0xff);
    expect(encodeUnixAddress(bytes, "/dev/log")).toBe(11);
    expect([...bytes.subarray(0, 11)]).toEqual([1, 0, 0x2f, 0x64, 0x65, 0x76, 0x2f, 0x6c, 0x6f, 0x67, 0]);
    expect(encodeUnixAddress(bytes, "@ab")).toBe(5);
    expect([...bytes.subarray(0, 5)]).toEqual([1, 0, 0, 0x61, 0x62]);
  });
  test("107 bytes of path fit, 108 of an abstract name, no more, and not none", () => {
    const bytes = new Uint8Array(128);
    expect(encodeUnixAddress(bytes, `/${"x".repeat(106)}`)).toBe(110);
    expect(encodeUnixAddress(bytes, `/${"x".repeat(107)}`)).toBe(0);
    expect(encodeUnixAddress(bytes, `@${"x".repeat(107)}`)).toBe(110);
    expect(encodeUnixAddress(bytes, `@${"x".repeat(108)}`)).toBe(0);
    expect(encodeUnixAddress(bytes, "")).toBe(0);
    expect(() => new UnixDatagramSender("")).toThrow(SystemError);
  });
});

describe("datagrams", () => {
  for (const path of [join(directory, "socket"), `@sluice-test-${process.pid}`]) {
    test(`arrive at ${path[0] === "@" ? "an abstract name" : "a path"}`, () => {
      const receiver = kept(new UnixReceiver(path));
      const sender = kept(new UnixDatagramSender(path));
      expect(sender.probe()).toBe(0);
      expect(sender.send(Buffer.from("READY=1"))).toBe(0);
      expect(sender.send(Buffer.from("\xff\0b", "latin1"))).toBe(0);
      expect(receiver.takeAll()).toEqual(["READY=1", "\xff\0b"]);
    });
  }

  test("a receiver that went away and came back is found again", () => {
    const path = join(directory, "log");
    const sender = kept(new UnixDatagramSender(path));
    expect(errorCode(sender.probe())).toBe("ENOENT");
    expect(errorCode(sender.send(Buffer.from("lost")))).toBe("ENOENT");
    const first = new UnixReceiver(path);
    expect(sender.send(Buffer.from("one"))).toBe(0);
    first.close();
    expect(errorCode(sender.send(Buffer.from("lost")))).toBe("ECONNREFUSED");
    rmSync(path);
    const second = kept(new UnixReceiver(path));
    expect(sender.send(Buffer.from("two"))).toBe(0);
    expect(second.takeAll()).toEqual(["two"]);
  });

  test("a receiver that does not read costs no time: its full queue is an error", () => {
    const path = join(directory, "full");
    const receiver = kept(new UnixReceiver(path));
    const sender = kept(new UnixDatagramSender(path));
    let sent = 0;
    let error = 0;
    for (; sent < 100_000 && error === 0; sent++) error = sender.send(Buffer.from("x"));
    expect(errorCode(error)).toBe("EAGAIN");
    receiver.take();
    expect(sender.send(Buffer.from("y"))).toBe(0);
  });
});

describe("the service manager's side", () => {
  test("its clock is the machine's, not the process's", () => {
    const uptime = Number(readFileSync("/proc/uptime", "ascii").split(" ")[0]);
    const first = monotonicMicroseconds();
    // Uptime counts suspended time as well.
    expect(first / 1_000_000).toBeLessThan(uptime + 1);
    expect(first).toBeGreaterThan(performance.now() * 1_000);
    expect(monotonicMicroseconds()).toBeGreaterThanOrEqual(first);
  });
  test("no socket, or one of another kind, means silence", () => {
    expect(openNotifySocket(undefined)).toBeUndefined();
    expect(openNotifySocket("vsock:2:1234")).toBeUndefined();
    expect(openNotifySocket("")).toBeUndefined();
  });
});
