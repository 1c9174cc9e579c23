/** `sluice doctor`: the checks of the host, against a namespace that is broken for real. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { BrokenHost, HOST, OPTIONS, PORTS } from "./doctor-scene.ts";
import { DAEMON, notThePeer, OWN_NAMESPACE, PRLIMIT, program } from "./requirement.ts";

const missing = [
  DAEMON,
  OWN_NAMESPACE,
  PRLIMIT,
  program("nft", "nftables"),
  program("iptables", "iptables"),
  program("ip", "iproute2"),
  notThePeer("has no doctor"),
]
  .map((requirement) => requirement.missing())
  .find((reason) => reason !== undefined);
if (missing !== undefined) console.log(`# SKIP doctor of hosts: ${missing}`);

interface Answer {
  readonly id: string;
  readonly state: "ok" | "warn" | "fail" | "unknown";
  readonly finding: string;
  readonly fix: string;
}

let host: BrokenHost;

beforeAll(async () => {
  if (missing !== undefined) return;
  host = new BrokenHost();
  host.inside("sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 60999");
  await host.start();
});

afterAll(async () => {
  await host?.close();
});

/** All answers by id, and the exit status. */
async function examine(options: readonly string[] = OPTIONS, prefix: readonly string[] = []) {
  const { text, status, errors } = await host.doctor(["--json", ...options], prefix);
  if (errors !== "") throw new Error(errors);
  const { ok, checks } = JSON.parse(text) as { ok: boolean; checks: Answer[] };
  expect(status).toBe(ok ? 0 : 1);
  return { status, by: (id: string) => checks.find((each) => each.id === id)!, checks };
}

const scenario = (name: string, play: () => Promise<void>) => test.skipIf(missing !== undefined)(name, play, 30_000);

scenario("a host in order", async () => {
  const { status, by, checks } = await examine();
  expect(status).toBe(0);
  for (const id of ["listeners", "addresses-bindable", "firewall-media", "firewall-control", "ephemeral-ports"]) {
    expect(by(id)).toMatchObject({ id, state: "ok" });
  }
  // Every answer says something, and could-not-tell says why.
  for (const { state, finding } of checks) {
    expect(finding.length).toBeGreaterThan(10);
    if (state === "unknown") expect(finding).toContain("could not tell because");
  }
  expect(by("addresses-advertised")).toMatchObject({
    state: "unknown",
    fix: expect.stringContaining(`${HOST}!PUBLIC-ADDRESS`),
  });
  expect(by("default-route")).toMatchObject({ state: "warn" });
});

scenario("an nft rule drops part of the media ports", async () => {
  host.inside("nft", "add table inet block");
  host.inside("nft", "add chain inet block in { type filter hook input priority 0; }");
  host.inside("nft", `add rule inet block in udp dport ${PORTS.first + 10}-${PORTS.first + 19} counter drop`);
  try {
    const { status, by } = await examine();
    expect(status).toBe(1);
    const answer = by("firewall-media");
    expect(answer.state).toBe("fail");
    expect(answer.finding).toContain(`port ${PORTS.first + 10} … ${PORTS.first + 19} are dropped by`);
    expect(answer.finding).toContain("nft inet block in: udp dport 23110-23119 counter");
    expect(answer.fix).toBe(`nft insert rule inet block in udp dport ${PORTS.first}-${PORTS.last} accept`);
    expect(by("firewall-control").state).toBe("ok");
    // The cure works.
    host.inside(...answer.fix.split(" "));
    expect((await examine()).by("firewall-media").state).toBe("ok");
  } finally {
    host.inside("nft", "delete table inet block");
  }
});

scenario("a closed firewall that lets only the ng port in", async () => {
  host.inside("nft", "add table inet closed");
  host.inside("nft", "add chain inet closed in { type filter hook input priority 0; policy drop; }");
  host.inside("nft", "add rule inet closed in ct state established,related accept");
  host.inside("nft", "add rule inet closed in iifname lo accept");
  host.inside("nft", "add rule inet closed in udp dport 23022 accept");
  try {
    const { by } = await examine();
    expect(by("firewall-media")).toMatchObject({ state: "fail", finding: expect.stringContaining("policy drop") });
    expect(by("firewall-control").state).toBe("ok");
  } finally {
    host.inside("nft", "delete table inet closed");
  }
});

scenario("iptables with its own extensions, which nft does not show", async () => {
  const rule = ["INPUT", "-p", "udp", "-m", "multiport", "--dports", "23022,23100:23120", "-j", "DROP"];
  host.inside("iptables", "-A", ...rule);
  try {
    const { by } = await examine();
    expect(by("firewall-media")).toMatchObject({
      state: "fail",
      finding: expect.stringContaining("--dports 23022,23100:23120 -j DROP"),
    });
    expect(by("firewall-control").state).toBe("fail");
    expect(by("firewall-media").fix).toBe(
      `iptables -t filter -I INPUT -p udp --dport ${PORTS.first}:${PORTS.last} -j ACCEPT`,
    );
  } finally {
    host.inside("iptables", "-D", ...rule);
  }
});

scenario("media ports among the ephemeral ones, unless reserved", async () => {
  const range = "/proc/sys/net/ipv4/ip_local_port_range";
  host.inside("sh", "-c", `echo 23200 60999 > ${range}`);
  try {
    const answer = (await examine()).by("ephemeral-ports");
    expect(answer).toMatchObject({ state: "warn", finding: expect.stringContaining("23200-23299 are also ephemeral") });
    const cure = answer.fix.replace("sysctl -w ", "");
    host.inside("sysctl", "-qw", cure);
    expect((await examine()).by("ephemeral-ports").state).toBe("ok");
  } finally {
    host.inside("sh", "-c", `echo 40000 60999 > ${range}`);
  }
});

scenario("too few open files for the ports", async () => {
  const others = OPTIONS.filter((option) => !option.startsWith("--listen-ng"));
  // No daemon of this configuration runs, so the limit of a process started from here counts.
  const { by, status } = await examine([...others, "--listen-ng=10.23.0.1:23999"], ["prlimit", "--nofile=128", "--"]);
  expect(by("open-files")).toMatchObject({ state: "fail", finding: expect.stringContaining("may open 128 files") });
  expect(by("listeners")).toMatchObject({ state: "fail", finding: expect.stringContaining("nothing listens there") });
  expect(status).toBe(1);
});

scenario("an address that only another host has", async () => {
  const { text, errors, status } = await host.doctor([
    "--config-file=none",
    "--interface=198.51.100.9",
    `--listen-ng=${HOST}:23022`,
  ]);
  expect(status).toBe(1);
  expect(text + errors).toMatch(/198\.51\.100\.9/);
});

scenario("for people: state, title, finding and fix", async () => {
  const { text } = await host.doctor(OPTIONS);
  expect(text).toMatch(/^ok +Daemon: ng on 10\.23\.0\.1:23022 answers$/m);
  expect(text).toMatch(/^\d+ checks: \d+ ok, \d+ warnings, 0 failed, \d+ could not tell$/m);
});
