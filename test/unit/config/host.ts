/** A host for configuration tests: devices, names and files as given, nothing of the machine the tests run on. */
import { formatFinding } from "../../../src/config/finding.ts";
import type { Host } from "../../../src/config/interfaces.ts";
import { type Loaded, loadSettings, type Settings } from "../../../src/config/settings.ts";

export const NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ["127.0.0.1", "::1"],
  "media.example.net": ["10.0.0.5"],
  "nat.example.net": ["203.0.113.10", "2001:db8:ffff::10"],
};

export const HOST: Host = {
  devices: () => [
    { name: "lo", addresses: ["127.0.0.1", "::1"] },
    { name: "eth0", addresses: ["10.0.0.5", "2001:db8::5", "fe80::1"] },
    { name: "eth1", addresses: ["192.168.1.5"] },
    { name: "wan", addresses: ["203.0.113.77"] },
    { name: "tun0", addresses: ["fe80::2"] },
  ],
  resolve: (name) => NAMES[name] ?? [],
  primaryAddresses: () => ["10.0.0.5"],
  nonLocalBind: () => false,
};

export interface World {
  readonly files?: Readonly<Record<string, string | { error: string }>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: string;
  readonly host?: Partial<Host>;
  readonly cores?: number;
}

export function load(argv: readonly string[], world: World = {}): Loaded {
  return loadSettings({
    argv,
    env: world.env ?? {},
    program: world.program ?? "sluice",
    readFile: (path) => world.files?.[path],
    host: { ...HOST, ...world.host },
    cores: world.cores ?? 6,
    version: "1.2.3",
  });
}

/** Reads an rtpengine.conf. */
export const conf = (text: string, world: World = {}, argv: readonly string[] = []): Loaded =>
  load(["--config-file=/etc/rtpengine/rtpengine.conf", ...argv], {
    ...world,
    files: { "/etc/rtpengine/rtpengine.conf": text },
  });

/** Reads a sluice.toml. */
export const toml = (text: string, world: World = {}): Loaded =>
  load([], { ...world, files: { "/etc/sluice/sluice.toml": text } });

/** The settings; a configuration that does not load fails the test with its findings. */
export function settingsOf(loaded: Loaded): Settings {
  if (!loaded.settings) throw new Error(texts(loaded).join("\n"));
  return loaded.settings;
}

/** Findings of a severity as the operator sees them. */
export const texts = (loaded: Loaded, severity?: string): string[] =>
  loaded.findings.filter((each) => severity === undefined || each.severity === severity).map(formatFinding);

export const errors = (loaded: Loaded): string[] => texts(loaded, "error");
export const warnings = (loaded: Loaded): string[] => texts(loaded, "warning");

/** Interfaces in short: `name local>advertised min-max`. */
export const interfacesOf = (loaded: Loaded): string[] =>
  settingsOf(loaded).call.interfaces.interfaces.flatMap(({ name, addresses }) =>
    addresses.map(
      ({ local, advertised, portMin, portMax }) =>
        `${name} ${local}${advertised === local ? "" : `>${advertised}`} ${portMin}-${portMax}`,
    ),
  );

export const listenersOf = (loaded: Loaded, kind: keyof Settings["listen"] = "ng"): string[] =>
  settingsOf(loaded).listen[kind].map(
    ({ address, port, required }) => `${address} ${port}${required ? "" : " optional"}`,
  );
