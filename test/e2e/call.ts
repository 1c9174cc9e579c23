/** The ordinary two-party call from which most scenarios start. */

import type { Endpoint } from "../../src/address.ts";
import type { FarEnd } from "./far-end.ts";
import { CALLEE, CALLEE_MEDIA, CALLER, CALLER_MEDIA, MEDIA, MEDIA_IPV6, PORT_MAX, PORT_MIN } from "./network.ts";
import type { Scene } from "./scene.ts";
import { audioSdp } from "./sdp-text.ts";
import type { SipAgent } from "./sip-agent.ts";
import { type SdpSection, type SipMessage, sdpSections } from "./sip-message.ts";

export interface CallOptions {
  /** sipp scenarios; default: the caller hangs up on its cue, the callee answers at once. */
  readonly callerScenario?: string;
  readonly calleeScenario?: string;
  readonly callerTexts?: Readonly<Record<string, string>>;
  readonly calleeTexts?: Readonly<Record<string, string>>;
  /** Where the media is, when not at the usual addresses. */
  readonly callerEnd?: FarEnd;
  readonly calleeEnd?: FarEnd;
}

export interface Party {
  readonly agent: SipAgent;
  readonly end: FarEnd;
}

/** Starts callee and caller: the INVITE is on its way. */
export async function dial(scene: Scene, options: CallOptions = {}): Promise<{ caller: Party; callee: Party }> {
  const callerEnd = options.callerEnd ?? (await scene.farEnd("caller", CALLER_MEDIA));
  const calleeEnd = options.calleeEnd ?? (await scene.farEnd("callee", CALLEE_MEDIA));
  const callee = scene.agent({
    name: "callee",
    scenario: options.calleeScenario ?? "uas",
    address: CALLEE,
    fields: [[calleeEnd.address, calleeEnd.port]],
    texts: options.calleeTexts ?? { sdp: audioSdp("callee") },
  });
  const caller = scene.agent({
    name: "caller",
    scenario: options.callerScenario ?? "uac",
    address: CALLER,
    fields: [[callerEnd.address, callerEnd.port]],
    texts: options.callerTexts ?? { sdp: audioSdp("caller") },
  });
  return { caller: { agent: caller, end: callerEnd }, callee: { agent: callee, end: calleeEnd } };
}

export interface EstablishedCall {
  readonly caller: Party;
  readonly callee: Party;
  readonly callId: string;
  /** As the callee received it. */
  readonly invite: SipMessage;
  /** As the caller received it. */
  readonly ok: SipMessage;
  /** Where the callee sends so that the caller hears it: the sections of the INVITE. */
  readonly towardsCaller: readonly SdpSection[];
  readonly towardsCallee: readonly SdpSection[];
}

/**
 * The sections of an SDP that went through the daemon. @throws Error when it shows another address or port than the daemon's:
 * a proxy whose rtpengine command failed sends the SDP on unchanged, and the media would find its way without us
 */
export function relayed(sdp: string): SdpSection[] {
  const sections = sdpSections(sdp);
  const ours = ({ address, port }: Endpoint) =>
    (address === MEDIA || address === MEDIA_IPV6) && port >= PORT_MIN && port <= PORT_MAX;
  if (sections.length === 0 || !sections.every(({ rtp, rtcp }) => ours(rtp) && ours(rtcp))) {
    throw new Error(`not the media proxy's addresses:\n${sdp}`);
  }
  return sections;
}

/** {@link dial}, and the call was answered and acknowledged. */
export async function establish(scene: Scene, options: CallOptions = {}): Promise<EstablishedCall> {
  const { caller, callee } = await dial(scene, options);
  const invite = await callee.agent.message({ direction: "received", method: "INVITE" });
  const ok = await caller.agent.message({ direction: "received", method: "INVITE", status: 200 });
  await callee.agent.message({ direction: "received", method: "ACK" });
  return {
    caller,
    callee,
    callId: ok.callId,
    invite,
    ok,
    towardsCaller: relayed(invite.body),
    towardsCallee: relayed(ok.body),
  };
}

/** The caller hangs up; both sipp processes saw what their scenarios say; the daemon has let go of everything. */
export async function hangUp(scene: Scene, call: EstablishedCall): Promise<void> {
  await call.caller.agent.cue(call.ok);
  await Promise.all([call.caller.agent.succeeded(), call.callee.agent.succeeded()]);
  await scene.daemon.expectIdle();
}
