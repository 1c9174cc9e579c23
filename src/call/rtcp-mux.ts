/** RTP and RTCP on one port (RFC 5761): what is offered, and what both sides agreed on. */
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";

/** `offered`: the offerer's SDP has rtcp-mux. */
export function offerMux(
  sender: MediaSection,
  receiver: MediaSection | undefined,
  offered: boolean,
  flags: Directives["rtcpMux"],
): void {
  sender.muxOffered = offered && sender.isRtp;
  sender.muxAgreed &&= sender.muxOffered;
  sender.rtcpMux = sender.muxOffered && !flags.has("reject");
  sender.muxAnswer = flags.has("demux") || flags.has("accept") ? "accept" : flags.has("reject") ? "reject" : undefined;
  if (!receiver) return;
  if (flags.has("demux") || !receiver.isRtp) {
    receiver.rtcpMux = false;
    receiver.muxAgreed = false;
  } else if (flags.has("require") || receiver.muxAgreed || receiver.bundled) {
    receiver.rtcpMux = true;
    receiver.muxAgreed = true;
  } else {
    receiver.rtcpMux = offered || flags.has("offer");
  }
}

/** `accepted`: the answerer's SDP has rtcp-mux. The offer's flags decide what the offerer is told. */
export function answerMux(answerer: MediaSection, offerer: MediaSection, accepted: boolean): void {
  const single = answerer.ports !== undefined && answerer.ports.rtcp === undefined;
  answerer.rtcpMux = accepted && answerer.isRtp;
  // With `require` there is no second port to fall back to, whatever the answerer says.
  answerer.muxAgreed = answerer.rtcpMux || (single && answerer.isRtp);
  offerer.muxAgreed =
    offerer.muxOffered && (offerer.muxAnswer === "accept" || (offerer.muxAnswer !== "reject" && accepted));
  offerer.rtcpMux = offerer.muxAgreed;
}
