/** Connection tracking: each media stream takes an entry, and with a full table packets are dropped. */
import { type Check, fail, ok, unknown, warn } from "../check.ts";
import { readNumber } from "../system.ts";

const FOLDER = "/proc/sys/net/netfilter";

export const conntrack: Check = {
  id: "conntrack",
  title: "Connection tracking",
  run({ system }) {
    const count = readNumber(system, `${FOLDER}/nf_conntrack_count`);
    const max = readNumber(system, `${FOLDER}/nf_conntrack_max`);
    if (count === undefined || max === undefined) {
      const read = system.readFile(`${FOLDER}/nf_conntrack_count`);
      return "absent" in read && read.absent
        ? ok("connection tracking is not in use")
        : unknown(`${FOLDER} cannot be read`);
    }
    const percent = max > 0 ? Math.round((100 * count) / max) : 0;
    const words = `${count} of ${max} entries are in use (${percent} %)`;
    const cure = `sysctl -w ${"net.netfilter.nf_conntrack_max"}=${Math.max(max * 4, 262_144)}, or take media out of tracking: nft add rule inet raw prerouting udp dport PORT-MIN-PORT-MAX notrack`;
    if (percent >= 95) return fail(`${words}: new streams are dropped`, cure);
    return percent >= 80 ? warn(words, cure) : ok(words);
  },
};
