/** Transport profiles of m= lines. */
import type { MediaDescription } from "../sdp/model.ts";
import { canonicalProtocol } from "../sdp/transport.ts";
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";

/** The protocol for the receiver of an offer: as asked for, as the receiver used it before, or as the sender has it. */
export function protocolTowards(to: MediaSection, media: MediaDescription, { transport }: Directives): string {
  if (!media.isRtp) return canonicalProtocol(media.protocol);
  if (transport !== undefined && transport !== "accept" && transport !== "udptl") return transport;
  if (to.description?.isRtp) return to.protocol;
  return canonicalProtocol(media.protocol);
}
