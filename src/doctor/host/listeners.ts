/** Is the daemon there, and does it answer? */
import { formatEndpoint, isZeroAddress } from "../../address.ts";
import { type Check, combine, fail, ok, warn } from "../check.ts";
import { udpSockets } from "./udp-table.ts";

export const listeners: Check = {
  id: "listeners",
  title: "Daemon",
  async run({ settings, system }) {
    const results = [];
    for (const endpoint of settings.listen.ng) {
      const written = formatEndpoint(endpoint);
      const target = reachable(endpoint);
      if (await system.ping(target)) {
        results.push(ok(`ng on ${written} answers`));
        continue;
      }
      const open = udpSockets(system)?.some(({ port }) => port === endpoint.port);
      const words = open
        ? `ng on ${written} does not answer, although something has the port open: a hanging daemon, or a firewall on this host`
        : `ng on ${written} does not answer: nothing listens there`;
      const cure = open
        ? "look at its log; restart it"
        : "start the daemon; give doctor the daemon's own options or --config-file";
      results.push(endpoint.required ? fail(words, cure) : warn(words, cure));
    }
    return combine(results.length > 0 ? results : [warn("no ng listener is configured", "listen-ng = 127.0.0.1:2223")]);
  },
};

/** An address to ask at, for a listener on all addresses. */
export function reachable({ address, port }: { readonly address: string; readonly port: number }) {
  if (!isZeroAddress(address)) return { address, port };
  return { address: address.includes(":") ? "::1" : "127.0.0.1", port };
}
