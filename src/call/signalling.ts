/** What every offer and answer changes about the call as a whole and its two parties. */
import type { Family } from "../address.ts";
import type { SessionDescription } from "../sdp/model.ts";
import type { Call, Leg } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { Outbox } from "./outbox.ts";

export function noteSignalling(call: Call, sender: Leg, receiver: Leg, directives: Directives, out: Outbox): void {
  call.lastSignal = out.context.now;
  call.generation += 1;
  // A pending deletion is void when the dialogue goes on.
  call.deleteAt = undefined;
  sender.deleteAt = undefined;
  receiver.deleteAt = undefined;
  const { label, setLabel, toLabel, metadata, xmlrpcCallback, tos, dropTraffic, mediaEcho } = directives;
  sender.label = label ?? setLabel ?? sender.label;
  receiver.label = toLabel ?? receiver.label;
  if (metadata !== undefined) {
    call.metadata = metadata;
    sender.metadata = metadata;
  }
  call.xmlrpcCallback = xmlrpcCallback ?? call.xmlrpcCallback;
  if (tos !== undefined && tos !== call.tos) {
    call.tos = tos;
    const sockets = [];
    for (const leg of call.legs) {
      for (const section of leg.sections) for (const { socket } of section.streams()) sockets.push(socket);
    }
    out.context.ports.setTos(sockets, tos);
  }
  if (dropTraffic !== undefined) call.dropTraffic = dropTraffic === "start";
  if (mediaEcho !== undefined) {
    sender.blackhole = mediaEcho === "blackhole";
    receiver.blackhole = mediaEcho === "blackhole";
  }
}

export function familiesOf(sdp: SessionDescription): ReadonlySet<Family> {
  const families = new Set<Family>();
  for (const { connection, port } of sdp.media) if (connection && port !== 0) families.add(connection.family);
  return families;
}

/** For the session counters by IP version: an offer with both families is classed by its answer. */
export function classifyFamilies(call: Call, answered: ReadonlySet<Family>): void {
  const offered = call.offeredFamilies;
  const both = offered.size > 1;
  const decisive = both ? answered : new Set([...offered, ...answered]);
  call.familyClass = decisive.size !== 1 ? "mixed" : decisive.has(4) ? "ipv4" : "ipv6";
}
