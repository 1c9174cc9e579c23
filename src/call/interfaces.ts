/** Which logical interface, and which of its addresses, a party is shown (reference: selection by `direction`). */
import type { Family } from "../address.ts";
import type { InterfaceAddress } from "../relay/ports.ts";
import type { Leg } from "./call.ts";
import type { Outbox } from "./outbox.ts";
import type { InterfaceSet, LogicalInterface } from "./settings.ts";
import type { CallState } from "./state.ts";

/** Rotation over all logical interfaces, call by call. */
const ROUND_ROBIN_CALLS = "round-robin-calls";

/**
 * Chooses the logical interface of a leg. A name asked for again gives the same interface again, also when it stands for a
 * rotation: a party keeps its side of the network. Without a name the earlier choice stays, or the first one is taken.
 */
export function chooseInterface(
  state: CallState,
  leg: Leg,
  name: string | undefined,
  out: Outbox,
): LogicalInterface | undefined {
  const set = state.settings.interfaces;
  // By name: a reload brings new objects for the same interfaces.
  const kept = leg.interface && set.interfaces.find((each) => each.name === leg.interface?.name);
  if (name === undefined || name === "") {
    leg.interface = kept ?? set.interfaces[0];
    return leg.interface;
  }
  if (kept && leg.interfaceRequest === name) {
    leg.interface = kept;
    return kept;
  }
  const found = lookUp(state, set, name);
  if (!found) out.log("warning", leg.call.id, `Interface '${name}' not found, using default`);
  leg.interface = found ?? set.interfaces[0];
  leg.interfaceRequest = name;
  return leg.interface;
}

function lookUp(state: CallState, set: InterfaceSet, asked: string): LogicalInterface | undefined {
  const name = set.aliases.get(asked) ?? asked;
  for (const each of set.interfaces) if (each.name === name) return each;
  if (name === ROUND_ROBIN_CALLS) return rotate(state, name, set.interfaces);
  const prefix = `${name}:`;
  const members = set.interfaces.filter((each) => each.name.startsWith(prefix));
  return rotate(state, name, members);
}

function rotate(state: CallState, name: string, members: readonly LogicalInterface[]): LogicalInterface | undefined {
  if (members.length === 0) return undefined;
  const turn = state.rotation.get(name) ?? 0;
  state.rotation.set(name, (turn + 1) % members.length);
  return members[turn % members.length];
}

/** The first address of the wanted family; where the interface has none, its first address and a warning. */
export function chooseAddress(
  leg: Leg,
  chosen: LogicalInterface,
  family: Family,
  out: Outbox,
): InterfaceAddress | undefined {
  for (const address of chosen.addresses) if (address.family === family) return address;
  const fallback = chosen.addresses[0];
  if (fallback) {
    const shown = `IPv${fallback.family}`;
    out.log(
      "warning",
      leg.call.id,
      `Requested address family (IPv${family}) not supported on interface '${chosen.name}', using ${shown}`,
    );
  }
  return fallback;
}
