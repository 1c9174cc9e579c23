import { expect, test } from "bun:test";
import { primaryAddresses, programName, readConfiguration } from "../../../src/cli/arguments.ts";
import { checkReport } from "../../../src/cli/check.ts";
import { conf, load, settingsOf } from "./host.ts";

test("check shows what a valid configuration comes to", () => {
  const loaded = conf(`[rtpengine]
interface = pub/10.0.0.5!203.0.113.10;priv/192.168.1.5;external=pub
listen-ng = 2223
tos = 184 (EF)
templates = t
num-threads = 3
[t]
offer = x
`);
  const probes = [
    { name: "io_uring", state: "no", reason: "EPERM: sysctl kernel.io_uring_disabled is 2" },
    { name: "kernel module", state: "yes", reason: "" },
  ] as const;
  expect(checkReport(settingsOf(loaded), loaded.findings, probes)).toBe(
    `note: /etc/rtpengine/rtpengine.conf:4: tos = 184 (EF): only the number 184 counts; '(EF)' after it is ignored

file:             /etc/rtpengine/rtpengine.conf
interface pub:    10.0.0.5 shown as 203.0.113.10, ports 30000-39999
interface priv:   192.168.1.5, ports 30000-39999
interface external: = pub
ng (UDP):         0.0.0.0:2223, [::]:2223
threads:          3
relay engine:     auto, gather 250 us
kernel:           auto, table none
timeouts:         60 s, silent 3600 s, offer 3600 s, final off, delete 30 s
sessions:         no limit
log:              level 6, format default, facility daemon
templates:        offer
io_uring:         no: EPERM: sysctl kernel.io_uring_disabled is 2
kernel module:    yes
configuration is valid
`,
  );
});

test("check shows every error, errors first", () => {
  const loaded = load(["--interface=0.0.0.0", "--listen-ng=x", "--interface=10.0.0.5;10.0.0.5"]);
  const report = checkReport(loaded.settings, loaded.findings, []);
  expect(report.match(/^error: /gm)).toHaveLength(2);
  expect(report.indexOf("warning: ")).toBeGreaterThan(report.lastIndexOf("error: "));
  expect(report).toEndWith("configuration is NOT valid: 2 errors, 2 warnings\n");
});

test("the real host: loopback by name, by device and by address", async () => {
  const loaded = await readConfiguration([
    "--config-file=none",
    "-ia/lo",
    "-ib/127.0.0.1",
    "-ic/localhost",
    "--listen-ng=localhost:2223",
  ]);
  const { call, listen } = settingsOf(loaded);
  const [a, b, c] = call.interfaces.interfaces.map(({ addresses }) => addresses.map(({ local }) => local));
  expect(a).toContain("127.0.0.1");
  expect([b, c]).toEqual([["127.0.0.1"], ["127.0.0.1"]]);
  expect(listen.ng[0]).toMatchObject({ address: "127.0.0.1", port: 2_223, required: true });
});

test("a folder and a missing file as configuration", async () => {
  const texts = async (path: string) =>
    (await readConfiguration([`--config-file=${path}`])).findings.map(({ reason }) => reason);
  expect(await texts("/")).toEqual([expect.stringContaining("cannot be read")]);
  expect(await texts("/no/such/file")).toEqual(["there is no such file"]);
});

test("the primary address is never loopback or link-local", () => {
  const devices = [
    { name: "lo", addresses: ["127.0.0.1", "::1"] },
    { name: "none0", addresses: ["169.254.1.1", "fe80::1"] },
    { name: "none1", addresses: ["198.51.100.7"] },
  ];
  expect(primaryAddresses(devices)[0]).toBe("198.51.100.7");
  expect(primaryAddresses([devices[0]!])).toEqual([]);
});

test("the program's name is that of the file", () => {
  expect(programName()).toMatch(/^bun/);
});
