/** Which RTP header extensions (RFC 8285) a party is shown. */
import { answerExtensions, MID_EXTENSION, offerExtensions, withMidExtension } from "../sdp/extensions.ts";
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
  const bundled = to.bundled || (phase === "offer" && to.bundleOffered);
  if (phase === "offer") {
    from.maskedExtensions = extmapMask;
    const offered = offerExtensions(said, extmapStrip, extmapMask);
    return bundled && to.isRtp ? withMidExtension(offered) : offered;
  }
  // What tells bundled sections apart is between the offerer and us.
  const offered = to.description?.extmap ?? [];
  const masked = bundled ? [...to.maskedExtensions, MID_EXTENSION] : to.maskedExtensions;
  return answerExtensions(offered, said, extmapStrip, masked);
}
