/** The end of calls and of single parties. */
import { type Call, drop, type Leg, type MediaSection } from "./call.ts";
import { cdrLine } from "./cdr.ts";
import { endTransport } from "./connectivity.ts";
import { logFinalStats } from "./final-stats.ts";
import { closePorts } from "./local-ports.ts";
import type { Outbox } from "./outbox.ts";
import type { EndReason } from "./transition.ts";
import { logSilence } from "./verdicts.ts";

/** Ends a call: final counters into log, record and totals, then all sockets are closed. */
export function endCall(call: Call, reason: EndReason, out: Outbox): void {
  const { state, context } = out;
  if (context.finalStats !== false) logFinalStats(call, out);
  logSilence(call, out);
  const cdr = context.records === false ? "" : cdrLine(call, reason, context);
  countDirections(call, out);
  discardCall(call, out);
  const { ended } = state;
  ended.managed += 1;
  ended.byReason[reason] += 1;
  const milliseconds = Math.max(0, Math.round(context.now - call.createdAt));
  ended.duration += milliseconds / 1000;
  ended.durationSquared += (milliseconds / 1000) ** 2;
  out.effects.push({ kind: "call-ended", callId: call.id, reason, cdr });
}

/** Takes a call out of the state and closes what it holds, without a trace: it never really began. */
export function discardCall(call: Call, out: Outbox): void {
  for (const leg of call.legs) {
    for (const section of leg.sections) {
      endTransport(section, out);
      closePorts(section, out);
    }
  }
  out.state.calls.delete(call.id);
}

/** Parties whose first RTP stream with a sink was heard in one direction only, or in none. */
function countDirections(call: Call, { state, context }: Outbox): void {
  let silent = 0;
  for (const leg of call.legs) {
    const section = leg.sections.find((each) => each.isRtp && each.ports && each.sinks.some(({ sink }) => sink.ports));
    const sink = section?.sinks.find((each) => each.sink.ports)?.sink;
    if (!section || !sink) continue;
    const forward = packetsIn(section);
    if (packetsIn(sink) > 0) continue;
    if (forward > 0) state.ended.oneWayStreams += 1;
    else silent += 1;
  }
  // Counted from both ends.
  state.ended.zeroWayStreams += Math.floor(silent / 2);

  function packetsIn(section: MediaSection): number {
    return section.ports ? context.streams.counters(section.ports.rtp.socket.id).packetsIn : 0;
  }
}

/** Removes parties from a call that goes on. */
export function removeLegs(call: Call, legs: readonly Leg[], out: Outbox): void {
  for (const leg of legs) {
    out.log("info", call.id, `Deleting call branch '${leg.tag ?? ""}' (via-branch '${leg.viaBranch ?? ""}')`);
    for (const partner of [...leg.partners]) leg.dissociate(partner);
    for (const section of leg.sections) {
      for (const subscription of section.sinks) drop(subscription.sink.sources, subscription);
      for (const subscription of section.sources) drop(subscription.source.sinks, subscription);
      endTransport(section, out);
      closePorts(section, out);
    }
    drop(call.legs, leg);
  }
  out.apply(call);
}

/** These parties and all that would be left without a partner. */
export function withDependents(legs: readonly Leg[]): Set<Leg> {
  const doomed = new Set(legs);
  for (const leg of legs) {
    for (const partner of leg.partners) {
      if (partner.partners.every((each) => doomed.has(each))) doomed.add(partner);
    }
  }
  return doomed;
}

/** Nobody would be left who talks to somebody. */
export function leavesNothing(call: Call, doomed: ReadonlySet<Leg>): boolean {
  const stays = (leg: Leg) => !doomed.has(leg) && leg.deleteAt === undefined;
  return !call.legs.some((leg) => stays(leg) && leg.partners.some(stays));
}
