/** Steps that offer and answer share before and after the exchange itself. */

import type { SdpError, SessionDescription } from "../sdp/model.ts";
import { isSdpError, parseSdp } from "../sdp/parse.ts";
import type { Call } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { OutOfPorts } from "./negotiation.ts";
import type { Outbox } from "./outbox.ts";
import { endCall } from "./termination.ts";
import type { CommandReply } from "./transition.ts";

export type Refusal = Extract<CommandReply, { readonly ok: false }>;

/** The SDP of a request, or the reply that refuses it. */
export function readSdp(
  text: string,
  callId: string,
  { flags }: Directives,
  out: Outbox,
): { readonly sdp: SessionDescription } | { readonly refusal: Refusal } {
  const { rejectInvalidSdp, mohAttrName } = out.state.settings;
  const parsed = parseSdp(text, {
    fragment: flags.has("fragment"),
    rejectEmptyLine: rejectInvalidSdp,
    keepDirection: flags.has("original-sendrecv"),
    mohAttrName,
  });
  if (isSdpError(parsed)) return { refusal: refuseSdp(parsed, callId, out) };
  for (const warning of parsed.warnings) out.log("warning", callId, warning);
  return { sdp: parsed };
}

function refuseSdp({ kind, offset, reason }: SdpError, callId: string, out: Outbox): Refusal {
  const detail = `${reason} at offset ${offset}`;
  if (kind === "syntax") {
    out.log("warning", callId, `Error parsing SDP at offset ${offset}: ${reason}`);
    return { ok: false, reason: "Failed to parse SDP", detail };
  }
  out.log("warning", callId, `Failed to extract streams from SDP: ${reason}`);
  return { ok: false, reason: "Incomplete SDP specification", detail };
}

/** The SDP went through this very instance before: it is returned as it came. */
export function isOwnLoop({ loopIds }: SessionDescription, { flags }: Directives, out: Outbox): boolean {
  return flags.has("loop-protect") && loopIds.includes(out.state.settings.instanceId);
}

export const LOOP_MESSAGE = "Ignoring message as SDP has already been processed by us";

/** No m= line, nothing to rewrite. */
export const NO_MEDIA: Refusal = {
  ok: false,
  reason: "Error rewriting SDP",
  detail: "the session description has no m= line",
};

export function tooManySections(limit: number): Refusal {
  return { ok: false, reason: "Incomplete SDP specification", detail: `a party can have ${limit} media sections` };
}

/** Without ports a call cannot go on: it ends, also when it was established before. */
export function endWithoutPorts(call: Call, { detail }: OutOfPorts, out: Outbox): Refusal {
  endCall(call, "UNKNOWN", out);
  return { ok: false, reason: "Ran out of ports", detail };
}
