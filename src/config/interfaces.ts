/**
 * Logical media interfaces from all their spellings: `[NAME/]ADDRESS[!ADVERTISED]`, `ALIAS=NAME`, sections, tables. Names of
 * devices and hosts are looked up through {@link Host}; nothing here asks the system itself.
 */
import { addressBytes, canonicalAddress, type Family, familyOf, isZeroAddress } from "../address.ts";
import type { InterfaceSet, LogicalInterface } from "../call/settings.ts";
import type { InterfaceAddress } from "../relay/ports.ts";
import type { InterfaceSection } from "./config-file.ts";
import type { Finding, Origin } from "./finding.ts";
import { integer } from "./values.ts";

/** A network device of this host with its addresses, without zone or prefix length. */
export interface Device {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** What the configuration may ask about the host. Answers are taken as they are; nothing blocks, nothing throws. */
export interface Host {
  devices(): readonly Device[];
  /** Addresses of a host name, best first; empty when it is not known. */
  resolve(name: string): readonly string[];
  /** Addresses used for the way out, IPv4 first; empty when there is none. */
  primaryAddresses(): readonly string[];
  /** Sockets may be bound to addresses the host does not have (sysctl `ip_nonlocal_bind`), as standby nodes do. */
  nonLocalBind(family: Family): boolean;
}

/** One short-form text and where it stands. */
export interface InterfaceText {
  readonly text: string;
  readonly key: string;
  readonly origin: Origin;
}

interface Ports {
  readonly portMin: number;
  readonly portMax: number;
}

/** Reads everything; with errors among the findings the set is incomplete. */
export function readInterfaces(
  texts: readonly InterfaceText[],
  sections: readonly InterfaceSection[],
  ports: Ports,
  host: Host,
): { readonly set: InterfaceSet; readonly findings: readonly Finding[] } {
  const reader = new InterfaceReader(ports, host);
  for (const text of texts) reader.short(text);
  for (const section of sections) reader.section(section);
  reader.checkAliases();
  if (texts.length === 0 && sections.length === 0) reader.primary();
  return { set: reader.set(), findings: reader.findings };
}

const PORT = integer({ min: 1, max: 65_535 });

/** What guides write where an address of the reader's own belongs. */
const PLACEHOLDER = /\$|^<.*>$|^\[.*\]$|^[A-Z][A-Z0-9]*_[A-Z0-9_]+$|^(YOUR|TU|MY)[-_A-Z]|^IP_|_IP$|[xX]\.[xX]\.[xX]/;

class InterfaceReader {
  readonly findings: Finding[] = [];
  readonly #interfaces = new Map<string, InterfaceAddress[]>();
  readonly #aliases = new Map<string, { name: string; from: InterfaceText }>();
  readonly #ports: Ports;
  readonly #host: Host;
  readonly #devices: readonly Device[];
  readonly #local: ReadonlySet<string>;

  constructor(ports: Ports, host: Host) {
    this.#ports = ports;
    this.#host = host;
    this.#devices = host.devices();
    this.#local = new Set(
      this.#devices.flatMap(({ addresses }) => addresses.flatMap((a) => canonicalAddress(a) ?? [])),
    );
  }

  set(): InterfaceSet {
    const interfaces: LogicalInterface[] = [...this.#interfaces].map(([name, addresses]) => ({ name, addresses }));
    return { interfaces, aliases: new Map([...this.#aliases].map(([alias, { name }]) => [alias, name])) };
  }

  /** Nothing is configured: the addresses that lead out of this host. */
  primary(): void {
    const addresses = this.#host.primaryAddresses();
    for (const address of addresses.length > 0 ? addresses : ["127.0.0.1"]) {
      const local = canonicalAddress(address);
      if (local !== undefined) this.#add("default", local, local, this.#ports, new Set());
    }
  }

  /** `[NAME/]ADDRESS[!ADVERTISED]` or `ALIAS=NAME`: what comes first, `/` or `=`, decides. */
  short(from: InterfaceText): void {
    const text = from.text.trim();
    if (text === "") {
      this.#error(from, "the value is empty (an unset variable?)", `interface = ${this.#exampleAddress()}`);
      return;
    }
    const separator = /[/=]/.exec(text);
    if (separator?.[0] === "=") {
      this.#alias(text.slice(0, separator.index).trim(), text.slice(separator.index + 1).trim(), from);
      return;
    }
    const name = separator ? text.slice(0, separator.index).trim() : "default";
    const rest = separator ? text.slice(separator.index + 1).trim() : text;
    const [address, advertised, ...more] = rest.split("!").map((part) => part.trim());
    if (!this.#nameFits(name, rest, from)) return;
    if (more.length > 0 || advertised === "") {
      this.#error(
        from,
        "has more than ADDRESS!ADVERTISED after the name, or nothing after the !",
        `${name}/10.0.0.5!203.0.113.10`,
      );
      return;
    }
    this.#address({
      name,
      named: separator !== null,
      address: address!,
      advertised,
      from,
      ports: this.#ports,
      exclude: new Set(),
    });
  }

  /** `[PREFIX-IDENT]` of rtpengine.conf, `[interface.IDENT]` of TOML. */
  section({ ident, entries, origin }: InterfaceSection): void {
    const name = ident ?? "default";
    let logical = name;
    let addresses: readonly string[] = [];
    let advertised: readonly string[] = [];
    let alias: string | undefined;
    let { portMin, portMax } = this.#ports;
    let from: InterfaceText = { text: name, key: name, origin };
    let portsFrom: InterfaceText | undefined;
    const exclude = new Set<number>();
    const port = (texts: readonly string[], at: InterfaceText): number | undefined => {
      const read = PORT.read(texts);
      if (!read.ok) this.#error(at, read.reason, `${at.key} = 30000`);
      return read.ok ? read.value : undefined;
    };
    for (const { key, texts, origin: entryOrigin } of entries) {
      const at: InterfaceText = { text: texts.join(", "), key, origin: entryOrigin };
      switch (key.replaceAll(/[ _]/g, "-")) {
        case "address":
          addresses = texts.flatMap((text) => text.split(";")).map((text) => text.trim());
          from = at;
          break;
        case "advertised":
        case "advertised-address":
          advertised = texts.flatMap((text) => text.split(";")).map((text) => text.trim());
          break;
        case "name":
          logical = texts.at(-1) || name;
          break;
        case "alias":
          alias = texts.at(-1);
          from = at;
          break;
        case "port-min":
          portMin = port(texts, at) ?? portMin;
          portsFrom = at;
          break;
        case "port-max":
          portMax = port(texts, at) ?? portMax;
          portsFrom = at;
          break;
        case "exclude-ports":
          for (const text of texts) {
            const value = port([text], at);
            if (value !== undefined) exclude.add(value);
          }
          break;
        default:
          this.#warn(
            at,
            "unknown key of an interface, ignored; it may have address, advertised, name, port-min, port-max, exclude-ports, alias",
          );
      }
    }
    if (alias !== undefined) {
      if (addresses.length > 0) this.#error(from, "an interface has either an address or an alias", undefined);
      else this.#alias(name, alias, from);
      return;
    }
    if (addresses.length === 0) {
      this.#error(from, `interface ${name} has no address`, `address = ${this.#exampleAddress()}`);
      return;
    }
    if (portMin >= portMax) {
      this.#error(portsFrom ?? from, `port-min (${portMin}) must be below port-max (${portMax})`, undefined);
      return;
    }
    if (advertised.length > 1 && advertised.length !== addresses.length) {
      this.#error(
        from,
        `has ${addresses.length} addresses but ${advertised.length} advertised ones: give one for each`,
        undefined,
      );
      return;
    }
    if (!this.#nameFits(logical, addresses[0]!, from)) return;
    addresses.forEach((address, i) => {
      this.#address({
        name: logical,
        named: true,
        address,
        advertised: advertised[i] ?? (advertised.length === 1 && addresses.length === 1 ? advertised[0] : undefined),
        from,
        ports: { portMin, portMax },
        exclude,
        section: true,
      });
    });
    if (advertised.length === 1 && addresses.length > 1) {
      this.#warn(
        from,
        `only the first of ${addresses.length} addresses is advertised as ${advertised[0]}: give one for each`,
      );
    }
  }

  checkAliases(): void {
    for (const [alias, { name, from }] of this.#aliases) {
      if (this.#interfaces.has(alias)) {
        this.#error(from, `${alias} is both an interface and an alias`, undefined);
      } else if (
        !this.#interfaces.has(name) &&
        ![...this.#interfaces.keys()].some((each) => each.startsWith(`${name}:`))
      ) {
        const known = [...this.#interfaces.keys()].join(", ") || "none";
        const address = familyOf(name.split("!")[0]!) !== undefined;
        this.#error(
          from,
          address
            ? "= makes an alias of an interface's name; an address follows a /"
            : `there is no interface ${name} to be an alias of; interfaces are: ${known}`,
          address ? `interface = ${alias}/${name}` : undefined,
        );
      }
    }
  }

  #alias(alias: string, name: string, from: InterfaceText): void {
    if (alias === "" || name === "") {
      this.#error(from, "an alias is written ALIAS=NAME", "interface = external=pub");
      return;
    }
    if (this.#aliases.has(alias)) this.#warn(from, `alias ${alias} was already defined; the last one counts`);
    this.#aliases.set(alias, { name, from });
  }

  /** False, with a finding, when the name is none. */
  #nameFits(name: string, rest: string, from: InterfaceText): boolean {
    if (familyOf(name.replace(/^\[|\]$/g, "")) !== undefined) {
      const mask = /^[0-9]{1,3}$/.test(rest);
      const other = canonicalAddress(rest);
      this.#error(
        from,
        mask
          ? "an address has no prefix length here; what stands before the / is the interface's name"
          : "what stands before the / is the interface's name, not an address",
        mask || other === undefined ? `interface = ${name}` : `interface = pub/${name}!${other}`,
      );
      return false;
    }
    if (name === "" || /[\s!;]/.test(name)) {
      this.#error(from, "the name before the / is empty or has characters that cannot be", `interface = pub/${rest}`);
      return false;
    }
    return true;
  }

  #address(entry: {
    readonly name: string;
    readonly named: boolean;
    readonly address: string;
    readonly advertised: string | undefined;
    readonly from: InterfaceText;
    readonly ports: Ports;
    readonly exclude: ReadonlySet<number>;
    readonly section?: true;
  }): void {
    const { name, named, from, ports, exclude } = entry;
    const full = (address: string, advertised?: string): string => {
      const both = advertised === undefined ? address : `${address}!${advertised}`;
      if (entry.section)
        return advertised === undefined ? `address = ${address}` : `address = ${address}\nadvertised = ${advertised}`;
      return `interface = ${named ? `${name}/` : ""}${both}`;
    };
    const bare = (text: string) => text.replace(/^\[(.*)\]$/, "$1");

    if (/^\[.*\]$/.test(entry.address) || /^\[.*\]$/.test(entry.advertised ?? "")) {
      const inside = bare(entry.address);
      const shown = entry.advertised === undefined ? undefined : bare(entry.advertised);
      if (familyOf(inside) !== undefined) {
        this.#error(from, "addresses stand without brackets here, also IPv6 ones", full(inside, shown));
      } else {
        this.#error(
          from,
          "the brackets are a placeholder of a guide: put this host's own address there, and the public one after the !",
          full(this.#exampleAddress(), shown === undefined ? undefined : "203.0.113.10"),
        );
      }
      return;
    }
    const locals = this.#localAddresses(entry.address, from, full, entry.advertised);
    if (locals === undefined) return;
    const advertised = entry.advertised === undefined ? [] : this.#advertised(entry.advertised, from);
    if (advertised === undefined) return;

    if (entry.advertised !== undefined) {
      const families = new Set(advertised.map(familyOf));
      if (!locals.some((local) => families.has(familyOf(local)))) {
        this.#error(
          from,
          `${entry.address} and ${entry.advertised} are not of the same family: the address in SDP must be IPv${familyOf(locals[0]!)} too`,
          undefined,
        );
        return;
      }
    }
    const literal = canonicalAddress(entry.address);
    if (literal !== undefined && !this.#isLocal(literal)) {
      if (!this.#judgeForeign(literal, advertised[0], entry.name, named, from, full)) return;
    }
    for (const local of locals) {
      const shown = advertised.find((each) => familyOf(each) === familyOf(local)) ?? local;
      if (!this.#add(name, local, shown, ports, exclude))
        this.#warn(from, `${name}/${local} is already configured; counted once`);
    }
  }

  /** Addresses to bind to; undefined after an error. */
  #localAddresses(
    text: string,
    from: InterfaceText,
    full: (address: string, advertised?: string) => string,
    advertised: string | undefined,
  ): readonly string[] | undefined {
    const literal = canonicalAddress(text);
    if (literal !== undefined) {
      if (isZeroAddress(literal)) {
        this.#error(
          from,
          "a wildcard address cannot be shown to others in SDP: name an address of this host, a device, or `any`",
          full(this.#exampleAddress(), advertised),
        );
        return undefined;
      }
      if (isLinkLocal6(literal)) {
        this.#error(
          from,
          "an IPv6 link-local address cannot be used for media",
          full(this.#exampleAddress(), advertised),
        );
        return undefined;
      }
      return [literal];
    }
    if (text === "any") {
      const all = this.#devices.flatMap((device) => usable(device));
      const outside = all.filter((address) => !isLoopback(address));
      const found = [...new Set(outside.length > 0 ? outside : all)];
      if (found.length > 0) return found;
      this.#error(from, "this host has no usable address", undefined);
      return undefined;
    }
    const device = this.#devices.find((each) => each.name === text);
    if (device) {
      const found = usable(device);
      if (found.length > 0) return found;
      this.#error(
        from,
        `device ${text} has no address${device.addresses.length > 0 ? " but IPv6 link-local ones" : ""}`,
        undefined,
      );
      return undefined;
    }
    const withPort = /^(.+):([0-9]+)$/.exec(text);
    if (withPort && familyOf(withPort[1]!) === 4) {
      this.#error(
        from,
        "an interface has no port; the range is set by port-min and port-max",
        full(withPort[1]!, advertised),
      );
      return undefined;
    }
    const mask = /^(.+)\/([0-9]{1,3})$/.exec(text);
    if (mask && familyOf(mask[1]!) !== undefined) {
      this.#error(from, "an address has no prefix length here", full(mask[1]!, advertised));
      return undefined;
    }
    const zone = /^(.+)%(\w+)$/.exec(text);
    if (zone && familyOf(zone[1]!) === 6) {
      this.#error(
        from,
        "an IPv6 address with a zone cannot be used for media",
        full(this.#exampleAddress(), advertised),
      );
      return undefined;
    }
    if (PLACEHOLDER.test(text)) {
      this.#error(
        from,
        `'${text}' is a placeholder of a guide: put an address of this host there`,
        full(
          this.#exampleAddress(),
          advertised !== undefined && familyOf(advertised) === undefined ? "203.0.113.10" : advertised,
        ),
      );
      return undefined;
    }
    const resolved = this.#host.resolve(text).flatMap((each) => canonicalAddress(each) ?? []);
    if (resolved.length > 0) return resolved.slice(0, 1);
    const devices = this.#devices.map((each) => each.name).join(", ") || "none";
    this.#error(
      from,
      text === ""
        ? "the address is missing"
        : `'${text}' is no address, no device of this host (devices: ${devices}) and no host name that resolves`,
      full(this.#exampleAddress(), advertised),
    );
    return undefined;
  }

  #advertised(text: string, from: InterfaceText): readonly string[] | undefined {
    const literal = canonicalAddress(text);
    if (literal !== undefined) {
      if (!isZeroAddress(literal)) return [literal];
      this.#error(from, "the advertised address is a wildcard: nobody could send there", undefined);
      return undefined;
    }
    if (!PLACEHOLDER.test(text)) {
      const resolved = this.#host.resolve(text).flatMap((each) => canonicalAddress(each) ?? []);
      if (resolved.length > 0) return resolved;
    }
    this.#error(
      from,
      PLACEHOLDER.test(text)
        ? `'${text}' is a placeholder of a guide: put the public address there`
        : `the advertised '${text}' is no address and no host name that resolves`,
      undefined,
    );
    return undefined;
  }

  /** An address the host does not have. True when it may stay: virtual addresses come and go. */
  #judgeForeign(
    local: string,
    advertised: string | undefined,
    name: string,
    named: boolean,
    from: InterfaceText,
    full: (address: string, advertised?: string) => string,
  ): boolean {
    if (this.#host.nonLocalBind(familyOf(local)!)) return true;
    if (advertised !== undefined && this.#isLocal(advertised)) {
      this.#error(
        from,
        `the two addresses are swapped: ${local} is not an address of this host, ${advertised} is. The local one comes first, the advertised one after the !`,
        full(advertised, local),
      );
      return false;
    }
    const device = named ? this.#devices.find((each) => each.name === name) : undefined;
    if (device) {
      const own = usable(device).find((address) => familyOf(address) === familyOf(local));
      this.#error(
        from,
        `${local} is not an address of this host. What stands before the / is only a name, not the device ${name}; behind NAT the device's own address comes first, the public one after the !`,
        full(own ?? this.#exampleAddress(), local),
      );
      return false;
    }
    this.#warn(
      from,
      `${local} is not an address of this host now (its addresses: ${this.#exampleList()}); calls fail until it is. Behind NAT write LOCAL!${local}`,
    );
    return true;
  }

  #add(
    name: string,
    local: string,
    advertised: string,
    { portMin, portMax }: Ports,
    excludePorts: ReadonlySet<number>,
  ): boolean {
    let addresses = this.#interfaces.get(name);
    if (!addresses) {
      addresses = [];
      this.#interfaces.set(name, addresses);
    }
    if (addresses.some((each) => each.local === local && each.advertised === advertised)) return false;
    addresses.push({ interface: name, family: familyOf(local)!, local, advertised, portMin, portMax, excludePorts });
    return true;
  }

  #isLocal(address: string): boolean {
    return this.#local.has(address) || isLoopback(address);
  }

  #exampleAddress(): string {
    const own = this.#host.primaryAddresses()[0];
    return own ?? [...this.#local].find((address) => !isLoopback(address) && !isLinkLocal6(address)) ?? "10.0.0.5";
  }

  #exampleList(): string {
    return (
      [...this.#local]
        .filter((address) => !isLoopback(address) && !isLinkLocal6(address))
        .slice(0, 6)
        .join(", ") || "none"
    );
  }

  #error(at: InterfaceText, reason: string, write: string | undefined): void {
    this.#report("error", at, reason, write);
  }

  #warn(at: InterfaceText, reason: string): void {
    this.#report("warning", at, reason, undefined);
  }

  #report(
    severity: "error" | "warning",
    { key, text, origin }: InterfaceText,
    reason: string,
    write: string | undefined,
  ): void {
    const option = origin.source === "command line" ? write?.replace(/^interface = /, "--interface=") : write;
    this.findings.push({ severity, key, value: text, reason, write: option, origin });
  }
}

function usable(device: Device): string[] {
  return device.addresses
    .flatMap((address) => canonicalAddress(address) ?? [])
    .filter((address) => !isLinkLocal6(address));
}

/** fe80::/10 (RFC 4291 section 2.5.6): needs a zone, which SDP cannot carry. */
function isLinkLocal6(address: string): boolean {
  const bytes = addressBytes(address);
  return bytes?.length === 16 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

function isLoopback(address: string): boolean {
  return address === "::1" || (familyOf(address) === 4 && address.startsWith("127."));
}
