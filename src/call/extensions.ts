/** Which RTP header extensions (RFC 8285) a party is shown. */
import { answerExtensions, offerExtensions } from "../sdp/extensions.ts";
import type { HeaderExtension } from "../sdp/model.ts";
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";

export function presentExtensions(
  from: MediaSection,
  to: MediaSection,
  { extmapStrip, extmapMask }: Directives,
  phase: "offer" | "answer",
): readonly HeaderExtension[] {
  const said = from.description?.extmap ?? [];
  if (phase === "offer") {
    from.maskedExtensions = extmapMask;
    return offerExtensions(said, extmapStrip, extmapMask);
  }
  return answerExtensions(to.description?.extmap ?? [], said, extmapStrip, to.maskedExtensions);
}
