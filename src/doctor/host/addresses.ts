/** Local addresses of the interfaces: are they there, and do they make sense to the outside? */

import { type Check, type CheckResult, combine, fail, ok, unknown, warn } from "../check.ts";
import { reachOf } from "../reach.ts";
import { defaultRoutes } from "./routes.ts";

export const bindable: Check = {
  id: "addresses-bindable",
  title: "Local addresses",
  run({ settings, system }) {
    const addresses = [...new Set(allAddresses(settings).map(({ local }) => local))];
    return combine(
      addresses.map((address) => {
        const refusal = system.tryBind({ address, port: 0 });
        if (!refusal) return ok(`${address} can be bound`);
        const here = [...system.devices()].flatMap(([name, list]) => list.map((each) => `${each} (${name})`));
        return refusal.code === "EADDRNOTAVAIL"
          ? fail(
              `${address} is not an address of this host`,
              `use one of ${here.join(", ")} in interface =, or add ${address} to a device`,
            )
          : fail(`${address} cannot be bound: ${refusal.message}`, "see the system's words");
      }),
    );
  },
};

export const advertised: Check = {
  id: "addresses-advertised",
  title: "Addresses shown to parties",
  run({ settings }) {
    return combine(allAddresses(settings).map(({ local, advertised: shown }) => judge(local, shown)));
  },
};

function judge(local: string, shown: string): CheckResult {
  const reach = reachOf(shown);
  const write = `interface = ${local}!PUBLIC-ADDRESS`;
  switch (reach) {
    case "public":
      return ok(shown === local ? `${shown} is public` : `${local} is shown as ${shown}`);
    case "private":
      if (reachOf(local) === "public") {
        return fail(
          `the public address ${local} is shown as ${shown}, which only a private network reaches`,
          `drop the part after the !: interface = ${local}`,
        );
      }
      return unknown(
        `${shown} is a private address: right when all parties are in that network, no audio for those outside`,
        `if there are parties outside: ${write}`,
      );
    case "loopback":
      return warn(
        `${shown} is reached by nobody but this host`,
        `interface = an address of a real network, or ${write}`,
      );
    case "link-local":
      return fail(`${shown} is a link-local address: no party can use it`, write);
    case "unusable":
      return fail(`${shown} is no address that can be sent to`, write);
  }
}

/** A family without a way out is found when the first far party is called. */
export const routes: Check = {
  id: "default-route",
  title: "Default routes",
  run({ settings, system }) {
    const found = defaultRoutes(system);
    const wanted = new Set(
      allAddresses(settings)
        .filter(({ local }) => !["loopback", "link-local"].includes(reachOf(local)))
        .map(({ family }) => family),
    );
    if (wanted.size === 0) return ok("only loopback addresses are configured");
    return combine(
      [...wanted].map((family) => {
        const devices = found[family];
        if (devices === undefined) return unknown(`the routing table for IPv${family} cannot be read`);
        return devices.length > 0
          ? ok(`IPv${family} by ${devices.join(", ")}`)
          : warn(
              `there is no default route for IPv${family}: parties outside the attached networks cannot be reached`,
              `ip -${family} route add default via GATEWAY`,
            );
      }),
    );
  },
};

/** `rp_filter` 1 drops what comes in by another device than answers would leave by: on hosts with several networks, media. */
export const reversePath: Check = {
  id: "reverse-path",
  title: "Reverse path filter",
  run({ settings, system }) {
    const local = new Set(allAddresses(settings).map((each) => each.local));
    const devices = [...system.devices()].filter(([name]) => name !== "lo");
    const strict = devices.filter(([name, addresses]) => {
      if (!addresses.some((address) => local.has(address))) return false;
      const values = ["all", name].map((each) => {
        const read = system.readFile(`/proc/sys/net/ipv4/conf/${each}/rp_filter`);
        return "text" in read ? Number(read.text.trim()) : 0;
      });
      // The larger of the two counts (Documentation/networking/ip-sysctl).
      return Math.max(...values) === 1;
    });
    if (strict.length === 0) return ok("rp_filter is not strict on the media devices");
    const names = strict.map(([name]) => name).join(", ");
    if (devices.length < 2) return ok(`rp_filter is strict on ${names}, the only device`);
    return warn(
      `rp_filter is strict on ${names}, and this host has ${devices.length} networks: packets whose answer would leave by another device are dropped unseen`,
      `sysctl -w net.ipv4.conf.${strict[0]![0]}.rp_filter=2`,
    );
  },
};

function allAddresses({ call }: Parameters<Check["run"]>[0]["settings"]) {
  return call.interfaces.interfaces.flatMap(({ addresses }) => addresses);
}
