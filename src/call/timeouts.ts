/** What happens to calls by the mere passing of time: once a second, in the order of the reference. */
import type { Call, Leg, Stream } from "./call.ts";
import type { Outbox } from "./outbox.ts";
import { endCall, leavesNothing, removeLegs, withDependents } from "./termination.ts";
import type { EndReason } from "./transition.ts";

export function checkTimeouts(out: Outbox): void {
  for (const call of out.state.calls.values()) checkCall(call, out);
}

function checkCall(call: Call, out: Outbox): void {
  const { state, context } = out;
  const { finalTimeout } = state.settings;
  const { now } = context;
  if (finalTimeout > 0 && now - call.createdAt >= finalTimeout * 1000) {
    out.log("info", call.id, "Closing call due to final timeout");
    endCall(call, "FINAL_TIMEOUT", out);
    return;
  }
  if (call.deleteAt !== undefined && now >= call.deleteAt) {
    out.log("info", call.id, "Deleting entire call");
    endCall(call, "REGULAR", out);
    return;
  }
  const due = call.legs.filter((leg) => leg.deleteAt !== undefined && now >= leg.deleteAt);
  if (due.length > 0) {
    const doomed = withDependents(due);
    if (leavesNothing(call, doomed)) {
      out.log("info", call.id, "Deleting entire call");
      endCall(call, "REGULAR", out);
      return;
    }
    removeLegs(call, [...doomed], out);
  }
  const reason = mediaTimeout(call, out);
  if (reason === undefined) return;
  out.log("info", call.id, "Closing call due to timeout");
  endCall(call, reason, out);
}

/** The kind of limit that all streams have passed; undefined while one keeps the call. */
function mediaTimeout(call: Call, out: Outbox): EndReason | undefined {
  const { timeout, silentTimeout, offerTimeout } = out.state.settings;
  const { now, streams } = out.context;
  let last: EndReason | undefined;
  let mutedAlive = false;
  let answered = false;
  const counted = legsInDialogue(call);
  for (const leg of counted) {
    for (const section of leg.sections) {
      const { ports } = section;
      if (!ports) continue;
      for (const stream of ports.rtcp ? [ports.rtp, ports.rtcp] : [ports.rtp]) {
        const age = now - lastActivity(stream, streams);
        if (!section.recv) {
          last = "SILENT_TIMEOUT";
          mutedAlive ||= age < silentTimeout * 1000;
        } else if (!section.remoteRtp) {
          last = "OFFER_TIMEOUT";
          if (age < offerTimeout * 1000) return undefined;
        } else {
          last = "TIMEOUT";
          answered = true;
          if (age < timeout * 1000) return undefined;
        }
      }
    }
  }
  return mutedAlive && !answered ? undefined : last;
}

/**
 * Branches of a fork that lost against another one are not heard any more: their unanswered ports would keep the call for
 * the whole offer timeout.
 */
function legsInDialogue(call: Call): readonly Leg[] {
  const talking = call.legs.filter((leg) => leg.partners.length > 0);
  return talking.length > 0 ? talking : call.legs;
}

function lastActivity(stream: Stream, streams: Outbox["context"]["streams"]): number {
  return streams.lastPacketAt(stream.socket.id) || stream.openedAt;
}
