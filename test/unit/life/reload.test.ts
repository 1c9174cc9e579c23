import { describe, expect, test } from "bun:test";
import { OPTION_NAMES, optionNamed } from "../../../src/config/options.ts";
import type { Settings } from "../../../src/config/settings.ts";
import { PARAMETER_OPTIONS } from "../../../src/control-line/configuration.ts";
import { CALL_OPTIONS, planReload } from "../../../src/life/reload.ts";
import { conf, settingsOf, toml } from "../config/host.ts";

const read = (lines: string): Settings => settingsOf(conf(`[rtpengine]\ninterface = 10.0.0.5\n${lines}\n`));

describe("reading the configuration again", () => {
  test("limits and timeouts are in force at once, and nothing that did not change is touched", () => {
    const plan = planReload(read("timeout = 60\nmax-sessions = 100"), read("timeout = 30\nmax-sessions = 5"));
    expect(plan.live.toSorted()).toEqual(["max-sessions", "timeout"]);
    expect(plan.restart).toEqual([]);
    expect(plan.call).toEqual({ timeout: 30, maxSessions: 5 });
    expect(plan.levels).toEqual({});
    expect(plan.templates).toBeUndefined();
  });

  test("a timeout of 0 means the default, as at the start", () => {
    expect(planReload(read("timeout = 30"), read("timeout = 0")).call).toEqual({ timeout: 60 });
  });

  test("log levels: only the subsystems that differ", () => {
    const plan = planReload(read("log-level = 6"), read("log-level = 6\nlog-level-ice = 7"));
    expect(plan.levels).toEqual({ ice: 7 });
    expect(plan.live).toEqual(["log-level-ice"]);
    const all = planReload(read("log-level = 6"), read("log-level = 5")).levels;
    expect(all).toMatchObject({ core: 5, control: 5 });
    expect(all).not.toHaveProperty("internals");
  });

  test("signalling templates", () => {
    const before = settingsOf(toml('interface = "10.0.0.5"\n[templates]\nWebRTC = "ICE=force"\n'));
    const after = settingsOf(toml('interface = "10.0.0.5"\n[templates]\nWebRTC = "ICE=remove"\n'));
    const plan = planReload(before, after);
    expect(plan.live).toEqual(["templates"]);
    expect(plan.templates?.get("WebRTC")).toBe("ICE=remove");
    expect(planReload(after, after).templates).toBeUndefined();
  });

  test("what needs a restart is named, and again as long as it waits", () => {
    const start = read("num-threads = 2\nport-max = 39999");
    const plan = planReload(start, read("num-threads = 4\nport-max = 39999\ntos = 184"));
    expect(plan.live).toEqual(["tos"]);
    expect(plan.restart).toEqual(["num-threads"]);
    const second = planReload(plan.inForce, read("num-threads = 4\nport-max = 39999\ntos = 184"));
    expect(second.live).toEqual([]);
    expect(second.restart).toEqual(["num-threads"]);
    expect(planReload(second.inForce, read("num-threads = 2\nport-max = 39999\ntos = 184")).restart).toEqual([]);
  });

  test("another address of an interface needs a restart, wherever it is written", () => {
    expect(planReload(read(""), settingsOf(conf("[rtpengine]\ninterface = 192.168.1.5\n"))).restart).toContain(
      "interface",
    );
    const table = (address: string) => settingsOf(toml(`[interface.pub]\naddress = "${address}"\n`));
    expect(planReload(table("10.0.0.5"), table("192.168.1.5")).restart).toEqual(["interface"]);
  });

  test("an option that claims to be taken over has something that takes it over", () => {
    const parameters = new Set<string>(Object.values(PARAMETER_OPTIONS));
    const others = ["templates", "drain-time"];
    for (const name of OPTION_NAMES) {
      const { set, reload } = optionNamed(name);
      if (set === undefined && !reload) continue;
      const taken =
        CALL_OPTIONS[name] !== undefined ||
        parameters.has(name) ||
        name.startsWith("log-level") ||
        others.includes(name);
      expect(taken, name).toBe(true);
    }
    for (const name of Object.keys(CALL_OPTIONS) as (keyof typeof CALL_OPTIONS)[]) {
      const { set, reload } = optionNamed(name);
      expect(set !== undefined || reload, name).toBe(true);
    }
  });
});
