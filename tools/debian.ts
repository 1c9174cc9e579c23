/**
 * Installs the Debian packages that the end-to-end tests need. Where that cannot be done the reason is printed and the tests
 * that need them are skipped.
 */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";

/** Package and a file by which we know that it is there. */
const PACKAGES = [
  { name: "kamailio", files: ["/usr/sbin/kamailio"] },
  { name: "sip-tester", files: ["/usr/bin/sipp"] },
  { name: "iproute2", files: ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip"] },
  { name: "util-linux", files: ["/usr/bin/unshare"] },
  { name: "rtpengine-utils", files: ["/usr/bin/rtpengine-ctl"] },
  { name: "rtpengine-daemon", files: ["/usr/bin/rtpengine"] },
  { name: "nftables", files: ["/usr/sbin/nft"] },
  { name: "iptables", files: ["/usr/sbin/iptables"] },
  { name: "openssl", files: ["/usr/bin/openssl"] },
  {
    name: "libsrtp2-1",
    files: ["/usr/lib/x86_64-linux-gnu/libsrtp2.so.1", "/usr/lib/aarch64-linux-gnu/libsrtp2.so.1"],
  },
  { name: "prometheus", files: ["/usr/bin/promtool"] },
  { name: "chromium", files: ["/usr/bin/chromium"] },
] as const;

const POLICY = "/usr/sbin/policy-rc.d";

export function missingPackages(): string[] {
  return PACKAGES.filter(({ files }) => !files.some((file) => existsSync(file))).map(({ name }) => name);
}

/** @returns the reason why packages are still missing, or undefined when all are there */
export function installPackages(): string | undefined {
  const missing = missingPackages();
  if (missing.length === 0) return undefined;
  const names = missing.join(", ");
  if (!existsSync("/usr/bin/apt-get")) return `${names}: not installed, and this is no Debian (no apt-get)`;
  if (process.getuid?.() !== 0) return `${names}: not installed, and only root may install packages`;
  // Invoked by the packages' scripts before they start a service: the tests start their own processes, on their own ports.
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    const network = ["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30"];
    for (const command of [
      ["update", ...network],
      ["install", "--yes", "--no-install-recommends", ...network, ...missing],
    ]) {
      console.log(`$ apt-get ${command.join(" ")}`);
      const run = spawnSync("apt-get", command, {
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
        stdio: ["ignore", "inherit", "inherit"],
        timeout: 300_000,
      });
      if (run.error) return `${names}: apt-get ${command[0]}: ${run.error.message}`;
      if (run.status !== 0) return `${names}: apt-get ${command[0]} ended with status ${run.status ?? run.signal}`;
    }
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
  const still = missingPackages();
  return still.length ? `${still.join(", ")}: still missing after apt-get install` : undefined;
}

if (import.meta.main) {
  const reason = installPackages();
  console.log(reason ?? "all packages are installed");
  if (reason !== undefined) process.exit(1);
}
