/** What the kernel offers for forwarding without this process, and for fast sockets. */
import { type Check, ok, unknown, warn } from "../check.ts";
import type { System } from "../system.ts";

const CAP_NET_ADMIN = 12;
const CAP_BPF = 39;

export const kernelModule: Check = {
  id: "kernel-module",
  title: "Kernel forwarding, module",
  run({ settings, system }) {
    const { plane } = settings.kernel;
    const wanted = plane === "module";
    const no = (because: string, cure: string) =>
      wanted
        ? warn(`no, because ${because}; media goes through user space`, cure)
        : ok(`no, because ${because}; media goes through user space`);
    if ("text" in system.readFile("/proc/rtpengine/control") || system.listFolder("/proc/rtpengine") !== undefined) {
      const version = system.readFile("/sys/module/nft_rtpengine/version");
      return ok(`yes, the module is loaded${"text" in version ? `, version ${version.text.trim()}` : ""}`);
    }
    const modules = system.readFile("/proc/modules");
    if (!("text" in modules)) {
      return modules.absent ? no("this kernel has no loadable modules", "") : unknown(modules.reason);
    }
    if (/^(nft|xt)_?rtpengine /im.test(modules.text)) {
      return no(
        "the module is loaded, but /proc/rtpengine is not there (a container without it?)",
        "mount the host's /proc/rtpengine",
      );
    }
    return no(
      "the module is not loaded",
      "install rtpengine's kernel module package, then modprobe nft_rtpengine (or xt_RTPENGINE)",
    );
  },
};

export const bpf: Check = {
  id: "bpf",
  title: "Kernel forwarding, BPF",
  run({ system }) {
    const privileges = capabilities(system);
    if (privileges === undefined) return unknown("/proc/self/status cannot be read");
    if (!("text" in system.readFile("/proc/sys/kernel/unprivileged_bpf_disabled")))
      return ok("no, because this kernel has no BPF");
    const missing = [
      ...(has(privileges, CAP_BPF) ? [] : ["CAP_BPF"]),
      ...(has(privileges, CAP_NET_ADMIN) ? [] : ["CAP_NET_ADMIN"]),
    ];
    return ok(
      missing.length === 0
        ? "the kernel has BPF and this user may use it"
        : `no, because this process lacks ${missing.join(" and ")}`,
    );
  },
};

export const ioUring: Check = {
  id: "io-uring",
  title: "io_uring",
  run({ settings, system }) {
    const { state, reason } = system.ioUring();
    if (state === "yes") return ok(`yes: ${reason}`);
    return settings.relay.engine === "io_uring"
      ? warn(`no, because it is ${reason}; epoll is used`, "relay-engine = epoll, or switch io_uring on")
      : ok(`no, because it is ${reason}; epoll is used`);
  },
};

function capabilities(system: System): bigint | undefined {
  const read = system.readFile("/proc/self/status");
  const effective = "text" in read ? /^CapEff:\s*([0-9a-f]+)/m.exec(read.text)?.[1] : undefined;
  return effective === undefined ? undefined : BigInt(`0x${effective}`);
}

const has = (set: bigint, capability: number) => ((set >> BigInt(capability)) & 1n) === 1n;
