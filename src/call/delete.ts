/** The `delete` command (reference: the table of what is removed). */
import type { NgReplyDict } from "../ng/value.ts";
import type { Call, Leg } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { Outbox } from "./outbox.ts";
import { callTree } from "./query.ts";
import { endCall, leavesNothing, removeLegs, withDependents } from "./termination.ts";
import type { CommandReply } from "./transition.ts";

const NOT_FOUND = "Call-ID not found or tags didn't match";

export function deleteCall(directives: Directives, out: Outbox): CommandReply {
  const { callId, fromTag, flags } = directives;
  const { state, context } = out;
  if (!callId) return { ok: false, reason: "No call-id in message" };
  const notFound = (log: string): CommandReply => {
    out.log("info", callId, log);
    return flags.has("fatal") ? { ok: false, reason: NOT_FOUND } : { ok: true, body: { warning: NOT_FOUND } };
  };
  const call = state.calls.get(callId);
  if (!call) return notFound("Call-ID to delete not found");

  let doomed: ReadonlySet<Leg> | undefined;
  if (fromTag !== undefined) {
    const leg = legToDelete(call, fromTag, directives);
    if (!leg) return notFound(`Tag '${fromTag}' in delete message not found, ignoring`);
    const removed = withDependents([leg]);
    if (!leavesNothing(call, removed)) doomed = removed;
  }

  const body: NgReplyDict = flags.has("fast") ? {} : callTree(state, call, context);
  const { deleteDelay } = directives;
  const delay = deleteDelay === undefined || deleteDelay < 0 ? state.settings.deleteDelay : deleteDelay;
  const at = context.now + delay * 1000;
  if (!doomed) {
    if (delay > 0) {
      out.log("info", callId, `Scheduling deletion of entire call in ${delay} seconds`);
      call.deleteAt = Math.min(call.deleteAt ?? at, at);
    } else {
      out.log("info", callId, "Deleting entire call");
      endCall(call, "REGULAR", out);
    }
  } else if (delay > 0) {
    for (const leg of doomed) {
      const branch = `'${leg.tag ?? ""}' (via-branch '${leg.viaBranch ?? ""}')`;
      out.log("info", callId, `Scheduling deletion of call branch ${branch} in ${delay} seconds`);
      leg.deleteAt = Math.min(leg.deleteAt ?? at, at);
    }
  } else {
    removeLegs(call, [...doomed], out);
  }
  return { ok: true, body };
}

function legToDelete(call: Call, fromTag: string, { toTag, viaBranch, flags }: Directives): Leg | undefined {
  const byBranch = () =>
    viaBranch === undefined ? undefined : call.legs.findLast((leg) => leg.viaBranch === viaBranch);
  if (toTag !== undefined && flags.has("to-tag")) {
    const found = call.legByTag(toTag) ?? byBranch();
    if (found) return found;
    const from = call.legByTag(fromTag);
    return from?.partners.some((partner) => partner.tag === undefined) ? from : undefined;
  }
  return byBranch() ?? call.legByTag(fromTag);
}
