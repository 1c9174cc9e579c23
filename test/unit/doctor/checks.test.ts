import { describe, expect, test } from "bun:test";
import type { Settings } from "../../../src/config/settings.ts";
import { combine, fail, ok, runChecks, unknown, warn } from "../../../src/doctor/check.ts";
import { advertised, bindable, reversePath } from "../../../src/doctor/host/addresses.ts";
import { receiveDrops, socketBuffers } from "../../../src/doctor/host/buffers.ts";
import { clock } from "../../../src/doctor/host/clock.ts";
import { conntrack } from "../../../src/doctor/host/conntrack.ts";
import { denials } from "../../../src/doctor/host/denials.ts";
import { mediaFirewall } from "../../../src/doctor/host/firewall.ts";
import { kernelModule } from "../../../src/doctor/host/kernel.ts";
import { ephemeralOverlap } from "../../../src/doctor/host/ports.ts";
import { processor } from "../../../src/doctor/host/processor.ts";
import type { System } from "../../../src/doctor/system.ts";

/** A host made of files; `later` are their contents after a wait. */
function host(
  files: Record<string, string>,
  more: Partial<System> & { readonly later?: Record<string, string> } = {},
): System {
  let now = files;
  return {
    readFile: (path) => {
      const text = now[path];
      return text === undefined ? { absent: true, reason: `${path} does not exist` } : { text };
    },
    listFolder: () => undefined,
    readLink: () => undefined,
    run: ([program]) => ({ reason: `${program} is not installed` }),
    tryBind: () => undefined,
    devices: () => new Map([["eth0", ["10.0.0.5"]]]),
    openFiles: () => undefined,
    ioUring: () => ({ state: "yes", reason: "" }),
    clock: () => undefined,
    tap: () => ({ reason: "not here" }),
    ping: async () => true,
    sleep: async () => {
      now = { ...files, ...more.later };
    },
    ...more,
  };
}

function settings(local = "10.0.0.5", shown = local, more: object = {}): Settings {
  const address = {
    interface: "default",
    family: 4,
    local,
    advertised: shown,
    portMin: 30_000,
    portMax: 40_000,
    excludePorts: new Set(),
  };
  return {
    call: { interfaces: { interfaces: [{ name: "default", addresses: [address] }], aliases: new Map() } },
    listen: { ng: [{ address: "127.0.0.1", port: 2_223, family: 4, required: true, written: "2223" }] },
    kernel: { plane: "auto" },
    ...more,
  } as unknown as Settings;
}

const subject = (system: System, given = settings()) => ({ system, settings: given });
const CONNTRACK = "/proc/sys/net/netfilter/nf_conntrack";

describe("checks", () => {
  test.each([
    ["10", "ok"],
    ["85000", "warn"],
    ["99000", "fail"],
  ] as const)("conntrack with %s of 100000 entries", (count, state) => {
    expect(
      conntrack.run(subject(host({ [`${CONNTRACK}_count`]: count, [`${CONNTRACK}_max`]: "100000" }))),
    ).toMatchObject({ state });
  });

  test("no connection tracking", () => {
    expect(conntrack.run(subject(host({})))).toMatchObject({ state: "ok" });
  });

  test.each([
    ["203.0.113.5", "203.0.113.5", "ok"],
    ["10.0.0.5", "203.0.113.5", "ok"],
    ["10.0.0.5", "10.0.0.5", "unknown"],
    ["100.64.1.1", "100.64.1.1", "unknown"],
    ["203.0.113.5", "10.0.0.5", "fail"],
    ["127.0.0.1", "127.0.0.1", "warn"],
    ["fe80::1", "fe80::1", "fail"],
    ["2001:db8::1", "2001:db8::1", "ok"],
  ] as const)("%s shown as %s", (local, shown, state) => {
    expect(advertised.run(subject(host({}), settings(local, shown)))).toMatchObject({ state });
  });

  test("an address that is not here", () => {
    const system = host({}, { tryBind: () => ({ code: "EADDRNOTAVAIL", message: "no" }) });
    expect(bindable.run(subject(system, settings("192.0.2.9")))).toMatchObject({
      state: "fail",
      finding: "192.0.2.9 is not an address of this host",
      fix: expect.stringContaining("10.0.0.5 (eth0)"),
    });
  });

  test("strict reverse path filter matters with several networks only", () => {
    const files = { "/proc/sys/net/ipv4/conf/all/rp_filter": "1\n", "/proc/sys/net/ipv4/conf/eth0/rp_filter": "0\n" };
    const two = new Map([
      ["eth0", ["10.0.0.5"]],
      ["eth1", ["203.0.113.5"]],
    ]);
    expect(reversePath.run(subject(host(files)))).toMatchObject({ state: "ok" });
    expect(reversePath.run(subject(host(files, { devices: () => two })))).toMatchObject({ state: "warn" });
    const loose = { ...files, "/proc/sys/net/ipv4/conf/eth0/rp_filter": "2\n" };
    expect(reversePath.run(subject(host(loose, { devices: () => two })))).toMatchObject({ state: "ok" });
  });

  test.each([
    ["40001\t60999", "", "ok"],
    ["32768\t60999", "", "warn"],
    ["32768\t60999", "30000-40000", "ok"],
    ["32768\t60999", "30000-35000,35001-39999", "warn"],
    ["32768\t60999", "5060,32768-36000,36001-40000", "ok"],
  ])("ephemeral ports %s, reserved '%s'", (range, reserved, state) => {
    const files = {
      "/proc/sys/net/ipv4/ip_local_port_range": `${range}\n`,
      "/proc/sys/net/ipv4/ip_local_reserved_ports": `${reserved}\n`,
    };
    expect(ephemeralOverlap.run(subject(host(files)))).toMatchObject({ state });
  });

  const snmp = (received: number, lost: number) =>
    `Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors\nUdp: ${received} 0 0 0 ${lost} 0 0\n`;

  test("receive buffers that overflow now, long ago, never", async () => {
    const run = async (before: string, after: string) =>
      (await receiveDrops.run(subject(host({ "/proc/net/snmp": before }, { later: { "/proc/net/snmp": after } }))))
        .state;
    expect(await run(snmp(1e6, 5), snmp(1e6, 9))).toBe("warn");
    expect(await run(snmp(1e6, 5), snmp(1e6, 5))).toBe("ok");
    expect(await run(snmp(1e4, 500), snmp(1e4, 500))).toBe("warn");
    expect(await run(snmp(1e6, 0), snmp(1e6, 0))).toBe("ok");
  });

  test("small buffers, and buffers of the host that a container does not see", () => {
    const files = { "/proc/sys/net/core/rmem_default": "212992", "/proc/sys/net/core/rmem_max": "212992" };
    expect(socketBuffers.run(subject(host(files)))).toMatchObject({
      state: "warn",
      fix: "sysctl -w net.core.rmem_max=4194304",
    });
    expect(socketBuffers.run(subject(host({})))).toMatchObject({ state: "unknown" });
  });

  test("time stolen by other machines, a processor drowned in interrupts", async () => {
    const stat = (idle: number, softirq: number, steal: number) => {
      const ticks = `100 0 100 ${idle} 0 0 ${softirq} ${steal} 0 0`;
      return `cpu  ${ticks}\ncpu0 ${ticks}\nintr 1\n`;
    };
    const run = async (after: string) =>
      (await processor.run(subject(host({ "/proc/stat": stat(1000, 0, 0) }, { later: { "/proc/stat": after } }))))
        .finding;
    expect(await run(stat(1090, 0, 10))).toContain("10 % of the processors' time");
    expect(await run(stat(1040, 60, 0))).toContain("cpu0 spends 60 %");
    expect(await run(stat(1100, 0, 0))).toContain("neither");
  });

  test("the clock", () => {
    const state = (synchronised: boolean, files = {}) =>
      clock.run(subject(host(files, { clock: () => ({ synchronised, offset: 0, maxError: 3 }) })));
    expect(state(true)).toMatchObject({ state: "ok" });
    expect(state(false)).toMatchObject({ state: "warn" });
    expect(state(false, { "/run/chrony/chronyd.pid": "7" })).toMatchObject({ state: "unknown" });
    expect(clock.run(subject(host({})))).toMatchObject({ state: "unknown" });
  });

  test("the kernel module: loaded, not loaded, wanted and not loaded", () => {
    const modules = { "/proc/modules": "veth 1 0 - Live\n" };
    expect(kernelModule.run(subject(host({ ...modules, "/proc/rtpengine/control": "" })))).toMatchObject({
      state: "ok",
    });
    expect(kernelModule.run(subject(host(modules)))).toMatchObject({
      state: "ok",
      finding: expect.stringContaining("no, because"),
    });
    const wanted = settings("10.0.0.5", "10.0.0.5", { kernel: { plane: "module" } });
    expect(kernelModule.run(subject(host(modules), wanted))).toMatchObject({
      state: "warn",
      fix: expect.stringContaining("modprobe"),
    });
  });

  test("a denial in the audit log; a log that may not be read", () => {
    const enforcing = { "/sys/fs/selinux/enforce": "1" };
    const line = 'type=AVC msg=audit(1.2:3): avc:  denied  { name_bind } for  pid=9 comm="sluice" src=30000';
    expect(denials.run(subject(host({ ...enforcing, "/var/log/audit/audit.log": line })))).toMatchObject({
      state: "warn",
    });
    expect(denials.run(subject(host({ ...enforcing, "/var/log/audit/audit.log": "type=LOGIN" })))).toMatchObject({
      state: "ok",
    });
    expect(denials.run(subject(host(enforcing)))).toMatchObject({ state: "unknown" });
    expect(denials.run(subject(host({})))).toMatchObject({ state: "ok" });
  });

  test("without the tools the firewall is not called fine", () => {
    expect(mediaFirewall.run(subject(host({})))).toMatchObject({
      state: "unknown",
      finding: expect.stringContaining("could not tell because nft is not installed"),
    });
  });

  test("a check that breaks is an answer; several answers become the gravest", async () => {
    const broken = { id: "x", title: "X", run: () => Promise.reject(new Error("boom")) };
    expect(await runChecks([broken], subject(host({})))).toMatchObject([
      { id: "x", state: "unknown", finding: expect.stringContaining("boom") },
    ]);
    expect(combine([ok("a"), warn("b", "do b"), fail("c", "do c"), unknown("d")])).toEqual({
      state: "fail",
      finding: "c; b; could not tell because d",
      fix: "do c; do b",
    });
    expect(combine([ok("a"), ok("b")])).toMatchObject({ state: "ok", finding: "a; b" });
  });
});
