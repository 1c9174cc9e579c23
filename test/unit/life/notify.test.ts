import { describe, expect, test } from "bun:test";
import { Notifier, watchdogInterval } from "../../../src/life/notify.ts";

function heard() {
  const messages: string[] = [];
  const socket = { send: (data: Uint8Array) => Math.min(0, messages.push(Buffer.from(data).toString("utf8"))) };
  return { messages, notifier: new Notifier(socket, () => 123_456_789) };
}

describe("messages to the service manager", () => {
  test("ready, reloading, stopping in the notation of sd_notify", () => {
    const { messages, notifier } = heard();
    notifier.ready("Taking calls: 0 calls");
    notifier.reloading();
    notifier.alive();
    notifier.extendStop();
    notifier.stopping("Draining");
    expect(messages).toEqual([
      "READY=1\nSTATUS=Taking calls: 0 calls\n",
      "RELOADING=1\nMONOTONIC_USEC=123456789\n",
      "WATCHDOG=1\n",
      "EXTEND_TIMEOUT_USEC=15000000\n",
      "STOPPING=1\nSTATUS=Draining\n",
    ]);
  });

  test("a status is sent when it changes, on one line, without room for a forged variable", () => {
    const { messages, notifier } = heard();
    notifier.status("one");
    notifier.status("one");
    notifier.status("two\nSTOPPING=1");
    expect(messages).toEqual(["STATUS=one\n", "STATUS=two STOPPING=1\n"]);
  });

  test("without a manager nothing happens", () => {
    const notifier = new Notifier(undefined, () => 0);
    notifier.ready("x");
    notifier.alive();
  });
});

describe("the manager's watchdog", () => {
  test("wants a sign of life at half its time", () => {
    expect(watchdogInterval({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "42" }, 42)).toBe(15_000);
    expect(watchdogInterval({ WATCHDOG_USEC: "1000000" }, 42)).toBe(500);
  });
  test("is off without a time, and when another process is meant", () => {
    expect(watchdogInterval({}, 42)).toBeUndefined();
    expect(watchdogInterval({ WATCHDOG_USEC: "0" }, 42)).toBeUndefined();
    expect(watchdogInterval({ WATCHDOG_USEC: "soon" }, 42)).toBeUndefined();
    expect(watchdogInterval({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "41" }, 42)).toBeUndefined();
  });
});
