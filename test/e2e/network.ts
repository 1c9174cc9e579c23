/**
 * Who has which address. Everything is on loopback, so nothing leaves the machine; the runner (`tools/test.ts`) adds a
 * network namespace of its own where the system allows it.
 */
import { readFileSync } from "node:fs";

export const NG = { address: "127.0.20.1", port: 15_022 } as const;
export const MEDIA = "127.0.20.2";
export const MEDIA_IPV6 = "::1";
export const PROXY = { address: "127.0.20.3", port: 15_060 } as const;
export const CALLER = { address: "127.0.20.4", port: 15_062 } as const;
export const CALLEE = { address: "127.0.20.5", port: 15_064 } as const;
export const SECOND_CALLEE = { address: "127.0.20.5", port: 15_066 } as const;
export const CALLER_MEDIA = "127.0.20.6";
export const CALLEE_MEDIA = "127.0.20.7";
export const CALLEE_MEDIA_IPV6 = "::1";
/** Where the media of the caller behind NAT really comes from. */
export const NAT_OUTSIDE = "127.0.20.8";
/** What the caller behind NAT believes its address is: nobody listens there. */
export const NAT_INSIDE = "127.77.0.5";
export const PORT_MIN = 16_000;
export const PORT_MAX = 16_399;

/** True in the runner's own network namespace: addresses may be added to and taken from `lo`. */
export const ownNamespace = process.env["E2E_NETNS"] === "1";

let lastMediaPort = 17_000;
/** An even port for a far end; its successor is free for RTCP. */
export function farEndPort(): number {
  lastMediaPort = lastMediaPort >= 19_990 ? 17_000 : lastMediaPort + 2;
  return lastMediaPort;
}

/** Local UDP ports in use in this network namespace, IPv4 and IPv6, from /proc. */
export function udpPortsInUse(): { port: number; inode: string }[] {
  return ["/proc/net/udp", "/proc/net/udp6"].flatMap((file) =>
    readFileSync(file, "ascii")
      .split("\n")
      .slice(1)
      .filter(Boolean)
      .map((line) => {
        const fields = line.trim().split(/\s+/);
        return { port: Number.parseInt(fields[1]!.split(":")[1]!, 16), inode: fields[9]! };
      }),
  );
}
