/** Two network namespaces of our own, joined by a virtual Ethernet pair: the daemon in one, the phones in the other. */
import { spawnSync } from "node:child_process";

export const RELAY = { 4: "198.18.7.1", 6: "fd00:7::1" } as const;
export const PHONES = { 4: "198.18.7.2", 6: "fd00:7::2" } as const;

function ip(...args: string[]): string | undefined {
  const run = spawnSync("ip", args, { encoding: "utf8" });
  return run.status === 0 ? undefined : `ip ${args.join(" ")}: ${(run.stderr || String(run.error)).trim()}`;
}

export class Network {
  readonly relay = `sluice-net-${process.pid}-relay`;
  readonly phones = `sluice-net-${process.pid}-phones`;

  /** Why it cannot be had, or undefined. Leaves nothing behind then. */
  open(): string | undefined {
    const steps = [
      ["netns", "add", this.relay],
      ["netns", "add", this.phones],
      ["-n", this.relay, "link", "set", "lo", "up"],
      ["-n", this.phones, "link", "set", "lo", "up"],
      ["-n", this.relay, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", this.phones],
      ...([this.relay, this.phones] as const).flatMap((name) => {
        const addresses = name === this.relay ? RELAY : PHONES;
        return [
          ["-n", name, "addr", "add", `${addresses[4]}/24`, "dev", "wire"],
          ["-n", name, "addr", "add", `${addresses[6]}/64`, "dev", "wire", "nodad"],
          ["-n", name, "link", "set", "wire", "up"],
        ];
      }),
    ];
    for (const step of steps) {
      const refused = ip(...step);
      if (refused === undefined) continue;
      this.close();
      return refused;
    }
    return undefined;
  }

  /** A command line inside one of them. */
  inside(name: string, command: readonly string[]): string[] {
    return ["ip", "netns", "exec", name, ...command];
  }

  close(): void {
    ip("netns", "del", this.relay);
    ip("netns", "del", this.phones);
  }
}
