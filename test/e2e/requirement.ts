/** What a scenario needs from the machine; a missing one is a skip with its reason, never a silent pass. */
import { existsSync } from "node:fs";
import { daemonPath, isPeer } from "./daemon.ts";
import { ownNamespace } from "./network.ts";

export interface Requirement {
  /** The reason to skip, or undefined when all is there. */
  missing(): string | undefined;
}

export function program(name: string, debianPackage: string): Requirement {
  return {
    missing: () => (Bun.which(name) ? undefined : `${name} is not installed (Debian package ${debianPackage})`),
  };
}

/** The peer may be missing; our own executable may not: then the scenarios fail. */
export const DAEMON: Requirement = {
  missing: () =>
    isPeer && !existsSync(daemonPath) ? `${daemonPath} is not installed (package rtpengine-daemon)` : undefined,
};

/** For scenarios that rtpengine 10.5, run in our daemon's place, cannot play. */
export function notThePeer(because: string): Requirement {
  return { missing: () => (isPeer ? `rtpengine 10.5 ${because}` : undefined) };
}

export const KAMAILIO: Requirement = {
  missing: () =>
    Bun.which("kamailio") || existsSync("/usr/sbin/kamailio")
      ? undefined
      : "kamailio is not installed (Debian package kamailio)",
};

export const SIPP = program("sipp", "sip-tester");

export const PRLIMIT = program("prlimit", "util-linux");

export const IPV6: Requirement = {
  missing: () => {
    try {
      // The only way to know: binding it.
      const probe = Bun.listen({ hostname: "::1", port: 0, socket: { data() {} } });
      probe.stop(true);
      return undefined;
    } catch {
      return "the loopback device has no ::1";
    }
  },
};

export const OWN_NAMESPACE: Requirement = {
  missing: () =>
    ownNamespace ? undefined : "addresses may only be removed in a network namespace of our own (npm test makes one)",
};
