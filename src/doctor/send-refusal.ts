/** What it means that the system does not take a media packet, by errno of sendmsg(2) on Linux. */
import { reachOf } from "./reach.ts";

export interface SendRefusal {
  readonly cause: "no-route" | "send-refused" | "send-failed" | "oversize";
  readonly words: string;
  readonly fix: string;
}

const ROUTE =
  "Add a route (`ip route get ADDRESS` shows what is missing), or put the party on an interface that reaches its network (`direction=` flags, `interface =`).";

const KNOWN: ReadonlyMap<number, SendRefusal> = new Map([
  [101, { cause: "no-route", words: "there is no route (ENETUNREACH)", fix: ROUTE }],
  [
    113,
    {
      cause: "no-route",
      words: "the host cannot be reached (EHOSTUNREACH), a route says so or nobody answers on the link",
      fix: ROUTE,
    },
  ],
  [
    99,
    {
      cause: "no-route",
      words: "our address is gone from this host (EADDRNOTAVAIL)",
      fix: "Give the address back to its interface, or configure another one.",
    },
  ],
  [
    1,
    {
      cause: "send-refused",
      words: "a firewall rule of this host refuses it (EPERM)",
      fix: "Find the rule in an output chain (`sluice doctor` names it) and let UDP from the media ports pass.",
    },
  ],
  [
    13,
    {
      cause: "send-refused",
      words: "the system forbids it (EACCES): a prohibiting route or a broadcast address",
      fix: "Look at `ip route` and at the address in the party's SDP.",
    },
  ],
  [
    90,
    {
      cause: "oversize",
      words: "the packet is larger than the path takes (EMSGSIZE)",
      fix: "Lower the packet size of the sender, or raise the MTU.",
    },
  ],
  [
    105,
    {
      cause: "send-failed",
      words: "the network queue is full (ENOBUFS)",
      fix: "Look at the load and the queue of the network device.",
    },
  ],
  [
    11,
    {
      cause: "send-failed",
      words: "the send buffer is full (EAGAIN)",
      fix: "Raise net.core.wmem_default, and look at the network device.",
    },
  ],
] satisfies [number, SendRefusal][]);

/** @param from local address of the socket */
export function sendRefusal(errno: number | undefined, from: string): SendRefusal {
  // A socket bound to loopback asked for the world: Linux says EINVAL.
  if (errno === 22 && reachOf(from) === "loopback") {
    return {
      cause: "no-route",
      words: "a loopback address of ours cannot reach other hosts (EINVAL)",
      fix: "Configure `interface =` with an address of a real network.",
    };
  }
  const known = errno === undefined ? undefined : KNOWN.get(errno);
  if (known) return known;
  return {
    cause: "send-failed",
    words: errno === undefined ? "the system refuses them" : `the system refuses them (errno ${errno})`,
    fix: "See the daemon's log for `Write error on media socket`.",
  };
}
